#include "support/kafka/messages.hpp"
#include "support/kafka/message_access.hpp"

#include <algorithm>

namespace cafka::test {

std::vector<kafka_message> kafka_messages() {
  std::vector<kafka_message> all;
  add_log_messages(all);
  add_cluster_messages(all);
  add_topic_messages(all);
  add_config_messages(all);
  add_group_offset_messages(all);
  add_group_member_messages(all);
  add_group_admin_messages(all);
  return all;
}

const kafka_message* find_kafka_message(std::string_view name) {
  static const auto all = kafka_messages();
  const auto found = std::ranges::find_if(all, [&](const kafka_message& each) { return each.info.name == name; });
  return found == all.end() ? nullptr : &*found;
}

} // namespace cafka::test
