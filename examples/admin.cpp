// example_admin [BOOTSTRAP [TOPIC]]: makes a topic, looks at it, changes it.
#include "client/admin.hpp"

#include <cstdio>
#include <string>

namespace client = cafka::client;

namespace {

int complain(const cafka::error& why) {
  std::fprintf(stderr, "%s\n", why.to_string().c_str());
  return 1;
}

} // namespace

int main(int argc, char** argv) {
  client::cluster cluster{{.bootstrap_servers = argc > 1 ? argv[1] : "127.0.0.1:9092"}};
  client::admin admin{cluster};
  const std::string name = argc > 2 ? argv[2] : "example";

  // Several topics in one call: each has an outcome of its own.
  const auto created = admin.create_topics({{.name = name, .partition_count = 3, .configs = {{"retention.ms", "86400000"}}}});
  if (!created)
    return complain(created.error());
  for (const auto& topic : *created)
    if (!topic.outcome && topic.outcome.error().code != cafka::errc::topic_already_exists)
      return complain(topic.outcome.error());

  const auto altered =
      admin.alter_configs({{{client::config_resource::kind::topic, name}, {{.key = "cleanup.policy", .value = "delete"}}}});
  if (!altered)
    return complain(altered.error());

  const auto described = admin.describe_topics({name});
  if (!described)
    return complain(described.error());
  for (const auto& [asked, topic] : *described) {
    if (!topic)
      return complain(topic.error());
    std::printf("%s %s, %zu partitions\n", topic->name.c_str(), topic->topic_id.to_string().c_str(), topic->partitions.size());
    for (const auto& [key, value] : topic->configs)
      std::printf("  %s=%s\n", key.c_str(), value.c_str());
    for (const auto& partition : topic->partitions) {
      const auto end = admin.list_offsets({{{name, partition.partition}, client::offset_query::latest}});
      if (!end)
        return complain(end.error());
      const auto& latest = end->front().offset;
      std::printf("  partition %d: leader %d, ends at %lld\n", partition.partition, partition.leader,
                  latest ? static_cast<long long>(latest->offset) : -1);
    }
  }
  return 0;
}
