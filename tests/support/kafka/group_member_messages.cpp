#include "net/kafka/messages/consumer_group_heartbeat.hpp"
#include "net/kafka/messages/heartbeat.hpp"
#include "net/kafka/messages/join_group.hpp"
#include "net/kafka/messages/leave_group.hpp"
#include "net/kafka/messages/sync_group.hpp"
#include "support/kafka/message_access.hpp"

namespace cafka::test {

void add_group_member_messages(std::vector<kafka_message>& to) {
  using namespace net::kafka;
  add_messages<consumer_group_heartbeat_request, consumer_group_heartbeat_response, heartbeat_request, heartbeat_response,
               join_group_request, join_group_response, leave_group_request, leave_group_response, sync_group_request, sync_group_response>(
      to);
}

} // namespace cafka::test
