#include "net/kafka/messages/create_partitions.hpp"
#include "net/kafka/messages/create_topics.hpp"
#include "net/kafka/messages/delete_topics.hpp"
#include "net/kafka/messages/describe_log_dirs.hpp"
#include "net/kafka/messages/describe_topic_partitions.hpp"
#include "net/kafka/messages/elect_leaders.hpp"
#include "support/kafka/message_access.hpp"

namespace cafka::test {

void add_topic_messages(std::vector<kafka_message>& to) {
  using namespace net::kafka;
  add_messages<create_partitions_request, create_partitions_response, create_topics_request, create_topics_response, delete_topics_request,
               delete_topics_response, describe_log_dirs_request, describe_log_dirs_response, describe_topic_partitions_request,
               describe_topic_partitions_response, elect_leaders_request, elect_leaders_response>(to);
}

} // namespace cafka::test
