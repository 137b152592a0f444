#include "net/kafka/messages/find_coordinator.hpp"
#include "net/kafka/messages/offset_commit.hpp"
#include "net/kafka/messages/offset_delete.hpp"
#include "net/kafka/messages/offset_fetch.hpp"
#include "support/kafka/message_access.hpp"

namespace cafka::test {

void add_group_offset_messages(std::vector<kafka_message>& to) {
  using namespace net::kafka;
  add_messages<find_coordinator_request, find_coordinator_response, offset_commit_request, offset_commit_response, offset_delete_request,
               offset_delete_response, offset_fetch_request, offset_fetch_response>(to);
}

} // namespace cafka::test
