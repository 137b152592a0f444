#include "net/kafka/messages/delete_records.hpp"
#include "net/kafka/messages/fetch.hpp"
#include "net/kafka/messages/list_offsets.hpp"
#include "net/kafka/messages/offset_for_leader_epoch.hpp"
#include "net/kafka/messages/produce.hpp"
#include "support/kafka/message_access.hpp"

namespace cafka::test {

void add_log_messages(std::vector<kafka_message>& to) {
  using namespace net::kafka;
  add_messages<delete_records_request, delete_records_response, fetch_request, fetch_response_view, list_offsets_request,
               list_offsets_response, offset_for_leader_epoch_request, offset_for_leader_epoch_response, produce_request, produce_response>(
      to);
}

} // namespace cafka::test
