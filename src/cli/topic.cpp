// `cafka topic create|list|describe|alter|elect|delete|delete-records`.
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/partition_health.hpp"
#include "cli/topic_text.hpp"

#include <charconv>
#include <cstdio>

namespace cafka::cli {

namespace {

using client::admin;
using client::cluster;

struct options {
  connect_options connect;
  std::vector<std::string> names;
  std::int32_t partitions = 0;
  std::int32_t replication_factor = 0;
  std::vector<std::string> configs, deleted_configs, offsets;
  std::string assignment;
  bool tolerant = false; // --if-exists, --if-not-exists
  bool dry_run = false;
  bool json = false;
  partition_filter only; // describe
  std::vector<std::int32_t> chosen_partitions; // elect; none: all
  bool all_topics = false;
  bool unclean = false;
};

template <class Run>
int with_admin(const connect_options& connect, Run run) {
  cluster where{connect.cluster("cafka-topic")};
  admin administrator{where};
  return run(administrator);
}

// "1:2,2:3": the replicas of each partition in turn.
result<std::vector<std::vector<node_id>>> parse_assignment(std::string_view text) {
  std::vector<std::vector<node_id>> all;
  while (!text.empty()) {
    auto partition = text.substr(0, text.find(','));
    text = partition.size() == text.size() ? std::string_view{} : text.substr(partition.size() + 1);
    auto& replicas = all.emplace_back();
    do {
      const auto number = partition.substr(0, partition.find(':'));
      partition = number.size() == partition.size() ? std::string_view{} : partition.substr(number.size() + 1);
      node_id id = 0;
      const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), id);
      if (code != std::errc{} || end != number.data() + number.size() || id < 0)
        return fail(errc::bad_argument, "--assignment: expected node numbers as 1:2,2:3 (replicas of partition 0, of partition 1), not '" +
                                            std::string{number} + '\'');
      replicas.push_back(id);
    } while (!partition.empty());
  }
  return all;
}

// Prints one line for each that succeeded and each that failed.
int report_outcomes(const std::vector<client::topic_outcome>& outcomes, const char* done, errc tolerated) {
  int code = success;
  for (const auto& outcome : outcomes) {
    if (outcome.outcome)
      std::printf("%s topic %s.\n", done, outcome.name.c_str());
    else if (outcome.outcome.error().code != tolerated)
      code = report("topic " + outcome.name + ": " + explain(outcome.outcome.error()));
  }
  return code;
}

int create(const options& given) {
  client::new_topic topic;
  for (const auto& text : given.configs) {
    auto pair = split_assignment(text);
    if (!pair)
      return report("--config " + pair.error().detail, usage);
    topic.configs.insert(std::move(*pair));
  }
  auto assignment = parse_assignment(given.assignment);
  if (!assignment)
    return report(assignment.error(), usage);
  topic.assignment = std::move(*assignment);
  topic.partition_count = given.partitions;
  topic.replication_factor = given.replication_factor;
  std::vector<client::new_topic> topics;
  for (const auto& name : given.names) {
    topic.name = name;
    topics.push_back(topic);
  }
  return with_admin(given.connect, [&](admin& administrator) {
    auto outcomes = administrator.create_topics(std::move(topics), given.dry_run);
    if (!outcomes)
      return report(outcomes.error());
    return report_outcomes(*outcomes, given.dry_run ? "Would create" : "Created", given.tolerant ? errc::topic_already_exists : errc::none);
  });
}

int list(const options& given) {
  return with_admin(given.connect, [&](admin& administrator) {
    auto topics = administrator.list_topics();
    if (!topics)
      return report(topics.error());
    output out;
    if (given.json)
      out.write(topics_json(*topics));
    else
      for (const auto& topic : *topics)
        out.write(topic.name + '\n');
    return out.flush() ? static_cast<int>(success) : out.failure_code();
  });
}

int describe(const options& given) {
  return with_admin(given.connect, [&](admin& administrator) {
    auto details = administrator.describe_topics(given.names);
    if (!details)
      return report(details.error());
    int code = success;
    std::vector<client::topic_description> found;
    for (auto& detail : *details) {
      if (detail.topic)
        found.push_back(std::move(*detail.topic));
      else if (!(given.tolerant && detail.topic.error().code == errc::unknown_topic_or_partition))
        code = report("topic " + detail.name + ": " + explain(detail.topic.error()));
    }
    output out;
    if (given.only.any())
      keep_matching(found, given.only);
    out.write(given.json ? topics_json(found) : topics_text(found, !given.only.any()));
    return out.flush() ? code : out.failure_code();
  });
}

int alter_partitions(admin& administrator, const options& given) {
  auto assignment = parse_assignment(given.assignment);
  if (!assignment)
    return report(assignment.error(), usage);
  std::vector<client::new_partitions> wanted;
  wanted.reserve(given.names.size());
  for (const auto& name : given.names)
    wanted.push_back({name, given.partitions, *assignment});
  auto outcomes = administrator.create_partitions(std::move(wanted), given.dry_run);
  if (!outcomes)
    return report(outcomes.error());
  return report_outcomes(*outcomes, given.dry_run ? "Would alter the partitions of" : "Altered the partitions of", errc::none);
}

int alter_configs(admin& administrator, const options& given) {
  std::vector<client::config_change> changes;
  for (const auto& text : given.configs) {
    auto pair = split_assignment(text);
    if (!pair)
      return report("--config " + pair.error().detail, usage);
    changes.push_back({std::move(pair->first), client::config_change::operation::set, std::move(pair->second)});
  }
  for (const auto& key : given.deleted_configs)
    changes.push_back({key, client::config_change::operation::remove, {}});
  std::vector<client::config_alteration> alterations;
  alterations.reserve(given.names.size());
  for (const auto& name : given.names)
    alterations.push_back({{client::config_resource::kind::topic, name}, changes});
  auto outcomes = administrator.alter_configs(std::move(alterations), given.dry_run);
  if (!outcomes)
    return report(outcomes.error());
  int code = success;
  for (const auto& outcome : *outcomes) {
    if (outcome.outcome)
      std::printf("%s the configs of topic %s.\n", given.dry_run ? "Would alter" : "Altered", outcome.resource.name.c_str());
    else
      code = report("topic " + outcome.resource.name + ": " + explain(outcome.outcome.error()));
  }
  return code;
}

int alter(const options& given) {
  const bool changes_configs = !given.configs.empty() || !given.deleted_configs.empty();
  if (given.partitions == 0 && !changes_configs)
    return report("topic alter: expected --partitions, --config or --delete-config", usage);
  return with_admin(given.connect, [&](admin& administrator) {
    int code = given.partitions != 0 ? alter_partitions(administrator, given) : static_cast<int>(success);
    if (code == success && changes_configs)
      code = alter_configs(administrator, given);
    return code;
  });
}

int remove(const options& given) {
  return with_admin(given.connect, [&](admin& administrator) {
    auto outcomes = administrator.delete_topics(given.names);
    if (!outcomes)
      return report(outcomes.error());
    return report_outcomes(*outcomes, "Deleted", given.tolerant ? errc::unknown_topic_or_partition : errc::none);
  });
}

// "2:100", "2:end"
result<client::records_to_delete> parse_bound(const std::string& topic, std::string_view text) {
  const auto wrong = [&] {
    return fail(errc::bad_argument, "--before " + std::string{text} + ": expected PARTITION:OFFSET or PARTITION:end");
  };
  const auto colon = text.find(':');
  if (colon == std::string_view::npos)
    return wrong();
  client::records_to_delete bound;
  bound.where.topic = topic;
  const auto number = text.substr(0, colon);
  const auto offset = text.substr(colon + 1);
  const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), bound.where.partition);
  if (code != std::errc{} || end != number.data() + number.size() || bound.where.partition < 0)
    return wrong();
  if (offset == "end")
    return bound; // −1: the high watermark
  const auto [last, status] = std::from_chars(offset.data(), offset.data() + offset.size(), bound.before_offset);
  if (status != std::errc{} || last != offset.data() + offset.size() || bound.before_offset < 0)
    return wrong();
  return bound;
}

int delete_records(const options& given) {
  std::vector<client::records_to_delete> bounds;
  for (const auto& text : given.offsets) {
    auto bound = parse_bound(given.names.front(), text);
    if (!bound)
      return report(bound.error(), usage);
    bounds.push_back(std::move(*bound));
  }
  return with_admin(given.connect, [&](admin& administrator) {
    auto outcomes = administrator.delete_records(std::move(bounds));
    if (!outcomes)
      return report(outcomes.error());
    int code = success;
    for (const auto& outcome : *outcomes) {
      if (outcome.log_start_offset)
        std::printf("%s now begins at offset %lld.\n", outcome.where.to_string().c_str(),
                    static_cast<long long>(*outcome.log_start_offset));
      else
        code = report(outcome.where.to_string() + ": " + explain(outcome.log_start_offset.error()));
    }
    return code;
  });
}

// Of the named topics, or of all; those of --partition only.
result<std::vector<topic_partition>> partitions_to_elect(admin& administrator, const options& given) {
  const auto details = administrator.describe_topics(given.names);
  if (!details)
    return tl::unexpected(details.error());
  std::vector<topic_partition> partitions;
  for (const auto& detail : *details) {
    if (!detail.topic)
      return fail(detail.topic.error().code, "topic " + detail.name + ": " + detail.topic.error().detail);
    if (!given.chosen_partitions.empty())
      for (const auto number : given.chosen_partitions)
        partitions.push_back({detail.name, number}); // the controller says if there is none
    else
      for (const auto& partition : detail.topic->partitions)
        partitions.push_back({detail.name, partition.partition});
  }
  return partitions;
}

int elect(const options& given) {
  if (given.names.empty() != given.all_topics)
    return report(given.all_topics ? "topic elect: either topics or --all" : "topic elect: expected topics, or --all", usage);
  return with_admin(given.connect, [&](admin& administrator) {
    auto partitions = partitions_to_elect(administrator, given);
    if (!partitions)
      return report(partitions.error());
    if (partitions->empty())
      return static_cast<int>(success);
    const auto kind = given.unclean ? client::election_kind::unclean : client::election_kind::preferred;
    const auto outcomes = administrator.elect_leaders(kind, std::move(*partitions));
    if (!outcomes)
      return report(outcomes.error());
    int code = success;
    std::size_t needed_none = 0;
    for (const auto& [where, outcome] : *outcomes) {
      if (outcome)
        std::printf("Elected a leader of %s.\n", where.to_string().c_str());
      else if (outcome.error().code == errc::election_not_needed)
        ++needed_none;
      else
        code = report(where.to_string() + ": " + explain(outcome.error()));
    }
    if (needed_none > 0)
      std::printf("%zu partitions needed no election.\n", needed_none);
    return code;
  });
}

using runner = int (*)(const options&);

CLI::App* add_command(CLI::App& group, action& chosen, const std::shared_ptr<options>& given, const char* name, const char* what,
                      const char* examples, runner run) {
  auto* command = group.add_subcommand(name, what);
  command->footer(std::string{"Examples:\n"} + examples);
  given->connect.add_to(*command);
  command->callback([&chosen, given, run] { chosen = [given, run] { return run(*given); }; });
  return command;
}

void add_changing(CLI::App& group, action& chosen, const std::shared_ptr<options>& given) {
  auto* create_command = add_command(group, chosen, given, "create", "Create topics",
                                     "  cafka topic create greetings --partitions 3\n"
                                     "  cafka topic create events --config retention.ms=3600000 --config cleanup.policy=compact",
                                     create);
  create_command->add_option("TOPIC", given->names, "names")->required();
  create_command->add_option("-p,--partitions", given->partitions, "how many; default: the cluster's num.partitions")
      ->check(CLI::PositiveNumber);
  create_command->add_option("-r,--replication-factor", given->replication_factor, "default: the cluster's default.replication.factor")
      ->check(CLI::PositiveNumber);
  create_command->add_option("-c,--config", given->configs, "key=value of the topic; may be repeated")->take_all()->type_name("KEY=VALUE");
  create_command->add_option("--assignment", given->assignment, "the nodes of each partition's replicas, as 1:2,2:3");
  create_command->add_flag("--if-not-exists", given->tolerant, "an existing topic is no failure");
  create_command->add_flag("--dry-run", given->dry_run, "check everything, change nothing");

  auto* alter_command = add_command(group, chosen, given, "alter", "Add partitions to topics or change their configs",
                                    "  cafka topic alter greetings --partitions 6\n"
                                    "  cafka topic alter greetings --config retention.ms=-1 --delete-config segment.bytes",
                                    alter);
  alter_command->add_option("TOPIC", given->names, "names")->required();
  alter_command->add_option("-p,--partitions", given->partitions, "how many there shall be; never fewer than now")
      ->check(CLI::PositiveNumber);
  alter_command->add_option("--assignment", given->assignment, "the nodes of each new partition's replicas, as 1:2,2:3");
  alter_command->add_option("-c,--config", given->configs, "key=value to set; may be repeated")->take_all()->type_name("KEY=VALUE");
  alter_command->add_option("--delete-config", given->deleted_configs, "key that shall have its default again; may be repeated")
      ->take_all()
      ->type_name("KEY");
  alter_command->add_flag("--dry-run", given->dry_run, "check everything, change nothing");

  auto* elect_command =
      add_command(group, chosen, given, "elect", "Have leaders elected: the preferred ones, or whoever is there",
                  "  cafka topic elect greetings --partition 0\n"
                  "  cafka topic elect --all\n"
                  "  cafka topic elect greetings --unclean    # where no replica in sync is left, and none will come back",
                  elect);
  elect_command->add_option("TOPIC", given->names, "names");
  elect_command->add_flag("--all", given->all_topics, "of all topics");
  elect_command->add_option("--partition", given->chosen_partitions, "of the topics, only these; may be repeated")
      ->take_all()
      ->check(CLI::NonNegativeNumber)
      ->type_name("NUMBER");
  elect_command->add_flag(
      "--unclean", given->unclean,
      "where nobody leads: a replica that is up but was not in sync. Acknowledged records that it does not have are lost");

  auto* delete_command =
      add_command(group, chosen, given, "delete", "Delete topics and their records", "  cafka topic delete greetings", remove);
  delete_command->add_option("TOPIC", given->names, "names")->required();
  delete_command->add_flag("--if-exists", given->tolerant, "a missing topic is no failure");

  auto* records_command = add_command(group, chosen, given, "delete-records", "Delete the records of partitions up to an offset",
                                      "  cafka topic delete-records greetings --before 0:1000 --before 1:end", delete_records);
  records_command->add_option("TOPIC", given->names, "name")->required()->expected(1);
  records_command->add_option("--before", given->offsets, "PARTITION:OFFSET, the first that stays, or PARTITION:end; may be repeated")
      ->required()
      ->take_all()
      ->type_name("P:OFFSET");
}

} // namespace

void add_topic(CLI::App& app, action& chosen) {
  auto given = std::make_shared<options>();
  auto* group = app.add_subcommand("topic", "Create, list, describe, alter and delete topics");
  group->require_subcommand(1);
  add_changing(*group, chosen, given);

  auto* list_command = add_command(*group, chosen, given, "list", "List the names of all topics", "  cafka topic list", list);
  list_command->add_flag("--json", given->json, "as JSON, with partitions");

  auto* describe_command = add_command(*group, chosen, given, "describe", "Show partitions, leaders, replicas and configs",
                                       "  cafka topic describe\n  cafka topic describe greetings --json\n"
                                       "  cafka topic describe --under-replicated --unavailable    # either of them",
                                       describe);
  describe_command->add_option("TOPIC", given->names, "names; default: all topics");
  describe_command->add_flag("--if-exists", given->tolerant, "a missing topic is no failure");
  describe_command->add_flag("--json", given->json, "as JSON");
  describe_command->add_flag("--under-replicated", given->only.under_replicated, "only partitions of which a replica is not in sync");
  describe_command->add_flag("--unavailable", given->only.unavailable, "only partitions that nobody leads");
  describe_command->add_flag("--under-min-isr", given->only.under_min_isr,
                             "only partitions with fewer in sync than min.insync.replicas: they refuse acks=all");
}

} // namespace cafka::cli
