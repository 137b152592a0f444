// `cafka offsets`: where partitions begin and end, or what offset a time has.
#include "base/clock.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/time_text.hpp"

namespace cafka::cli {

namespace {

constexpr auto footer =
    R"(Prints TOPIC:PARTITION:EARLIEST:END, or with --time TOPIC:PARTITION:OFFSET as Kafka's tool does; no offset: empty.

Examples:
  cafka offsets greetings
  cafka offsets greetings --time -1h
  cafka offsets greetings --time max)";

struct options {
  connect_options connect;
  std::vector<std::string> topics;
  std::optional<std::string> time;
  bool read_committed = false;
};

// What to ask of each partition, in the order printed.
result<std::vector<std::int64_t>> parse_questions(const options& given) {
  using client::offset_query;
  if (!given.time)
    return std::vector{offset_query::earliest, offset_query::latest};
  if (*given.time == "earliest")
    return std::vector{offset_query::earliest};
  if (*given.time == "latest")
    return std::vector{offset_query::latest};
  if (*given.time == "max")
    return std::vector{offset_query::max_timestamp};
  auto ms = parse_time(*given.time, system_clock().wall_ms());
  if (!ms)
    return fail(errc::bad_argument, "--time " + ms.error().detail + ", or earliest, latest, max");
  return std::vector{*ms};
}

int print(const std::vector<client::offset_outcome>& outcomes, std::size_t per_partition) {
  output out;
  int code = success;
  for (std::size_t i = 0; i + per_partition <= outcomes.size(); i += per_partition) {
    std::string line = outcomes[i].where.topic + ':' + std::to_string(outcomes[i].where.partition);
    bool is_whole = true;
    for (std::size_t k = 0; k < per_partition; ++k) {
      const auto& offset = outcomes[i + k].offset;
      if (!offset) {
        if (is_whole)
          code = report(outcomes[i].where.to_string() + ": " + explain(offset.error()));
        is_whole = false;
        continue;
      }
      line += ':' + (offset->offset < 0 ? std::string{} : std::to_string(offset->offset));
    }
    if (is_whole)
      out.write(line + '\n');
  }
  return out.flush() ? code : out.failure_code();
}

int offsets(const options& given) {
  const auto questions = parse_questions(given);
  if (!questions)
    return report(questions.error(), usage);
  client::cluster where{given.connect.cluster("cafka-offsets")};
  client::admin administrator{where};
  auto details = administrator.describe_topics(given.topics);
  if (!details)
    return report(details.error());
  std::vector<client::offset_query> queries;
  int code = success;
  for (const auto& detail : *details) {
    if (!detail.topic) {
      code = report("topic " + detail.name + ": " + explain(detail.topic.error()));
      continue;
    }
    for (const auto& partition : detail.topic->partitions)
      for (const auto timestamp : *questions)
        queries.push_back({{detail.name, partition.partition}, timestamp});
  }
  auto outcomes = administrator.list_offsets(std::move(queries), given.read_committed ? client::isolation::read_committed
                                                                                      : client::isolation::read_uncommitted);
  if (!outcomes)
    return report(outcomes.error());
  const int printed = print(*outcomes, questions->size());
  return printed != success ? printed : code;
}

} // namespace

void add_offsets(CLI::App& app, action& chosen) {
  auto given = std::make_shared<options>();
  auto* command = app.add_subcommand("offsets", "Show where partitions begin and end, or the offset at a time");
  command->footer(footer);
  given->connect.add_to(*command);
  command->add_option("TOPIC", given->topics, "names; default: all topics");
  command->add_option("--time", given->time, "earliest, latest, max (the greatest timestamp), or the first record at or after a time")
      ->type_name("TIME");
  command->add_flag("--read-committed", given->read_committed, "the end is the first open transaction");
  command->callback([&chosen, given] { chosen = [given] { return offsets(*given); }; });
}

} // namespace cafka::cli
