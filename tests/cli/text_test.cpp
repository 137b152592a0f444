#define CAF_SUITE text
#include "cli/config_text.hpp"
#include "cli/json_text.hpp"
#include "cli/topic_text.hpp"

#include <caf/test/dsl.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace cafka;
using namespace cafka::cli;

CAF_TEST(the page on configuration is what the table says) {
  const auto path = std::filesystem::path{CAFKA_TEST_DATA "/../../docs/configuration.md"}.lexically_normal();
  std::ostringstream text;
  text << std::ifstream{path, std::ios::binary}.rdbuf();
  // `cafka config list --markdown > docs/configuration.md` mends it
  CAF_CHECK(text.str() == config_markdown());
}

CAF_TEST(configuration as text and JSON) {
  const auto text = config_text("retention.ms");
  CAF_CHECK(text.find("log.retention.ms   (topic: retention.ms)") != std::string::npos);
  CAF_CHECK(text.find("num.partitions") == std::string::npos);
  CAF_CHECK(config_text("no such key").empty());
  CAF_CHECK(nlohmann::json::parse(config_json()).size() > 60);
}

CAF_TEST(topics as Kafka shows them) {
  client::topic_description topic;
  topic.name = "greetings";
  topic.topic_id = *uuid::parse("AAAAAAAAAAAAAAAAAAAAEA");
  topic.configs = {{"retention.ms", "5"}, {"cleanup.policy", "compact"}};
  topic.partitions.resize(2);
  topic.partitions[0] = {0, 1, 4, {1, 2}, {1}, {2}, {}};
  topic.partitions[1] = {1, no_node, 0, {2, 1}, {}, {}, {1, 2}};
  CAF_CHECK_EQUAL(topics_text({topic}), "Topic: greetings\tTopicId: AAAAAAAAAAAAAAAAAAAAEA\tPartitionCount: 2\tReplicationFactor: "
                                        "2\tConfigs: cleanup.policy=compact,retention.ms=5\n"
                                        "\tTopic: greetings\tPartition: 0\tLeader: 1\tReplicas: 1,2\tIsr: 1\tElr: 2\tLastKnownElr: \n"
                                        "\tTopic: greetings\tPartition: 1\tLeader: none\tReplicas: 2,1\tIsr: \tElr: \tLastKnownElr: 1,2\n");
  const auto json = nlohmann::json::parse(topics_json({topic}));
  CAF_CHECK_EQUAL(json[0]["partitions"][1]["leader"].get<int>(), -1);
}

CAF_TEST(base64 and UTF - 8) {
  std::string out;
  for (const auto* text : {"", "f", "fo", "foo", "foob"})
    append_base64(out += '|', text);
  CAF_CHECK_EQUAL(out, "||Zg==|Zm8=|Zm9v|Zm9vYg==");
  CAF_CHECK(is_utf8("plain text that is longer than eight bytes, 한국어, 😀"));
  for (const auto* text : {"\xff", "long enough prefix \xc0\xaf", "\xed\xa0\x80", "\xe4\xbd", "\xf5\x80\x80\x80", "\x80"})
    CAF_CHECK(!is_utf8(text));
}
