#include "net/kafka/messages/consumer_group_describe.hpp"
#include "net/kafka/messages/delete_groups.hpp"
#include "net/kafka/messages/describe_groups.hpp"
#include "net/kafka/messages/list_groups.hpp"
#include "support/kafka/message_access.hpp"

namespace cafka::test {

void add_group_admin_messages(std::vector<kafka_message>& to) {
  using namespace net::kafka;
  add_messages<consumer_group_describe_request, consumer_group_describe_response, delete_groups_request, delete_groups_response,
               describe_groups_request, describe_groups_response, list_groups_request, list_groups_response>(to);
}

} // namespace cafka::test
