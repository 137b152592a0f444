// `cafka consume`: records of topics to standard output.
#include "base/clock.hpp"
#include "cli/command.hpp"
#include "cli/interrupt.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/record_format.hpp"
#include "cli/time_text.hpp"
#include "client/consumer.hpp"

#include <charconv>
#include <limits>

namespace cafka::cli {

namespace {

constexpr auto footer =
    R"(Records of one partition come in their order; partitions mix. Without a start, reading begins at the end: with what is
produced from now on. Each record is its value and a line feed, or what --format says:

  %t topic  %p partition  %o offset  %T timestamp in ms  %k key  %K its length  %s value  %S its length (-1: null)
  %R the value's length as 4 bytes, big-endian  %h headers  %% percent sign  \n \r \t \0 \\ \xHH bytes

Exit codes: 0 done (also --max-messages reached, end reached); 1 failed; 130 interrupted; 141 the reader has gone.

Examples:
  cafka consume greetings --from-beginning --exit-at-end
  cafka consume greetings --partition 0 --offset -10 --max-messages 10
  cafka consume greetings --time 2026-11-21T04:00:00Z --format '%p %o %T %k=%s\n'
  cafka consume events --time -15m --json | jq .value)";

struct options {
  connect_options connect;
  std::vector<std::string> topics;
  std::vector<std::int32_t> partitions;
  bool from_beginning = false;
  std::optional<std::string> offset, time;
  std::uint64_t max_messages = std::numeric_limits<std::uint64_t>::max();
  bool exit_at_end = false;
  std::string format = "%s\\n";
  bool json = false;
  std::string null_text;
  bool read_committed = false;
  bool quiet = false;
};

struct start {
  client::start_position position;
  std::int64_t before_end = 0; // > 0: so many records before the end
};

result<start> parse_start(const options& given) {
  using client::start_position;
  if (given.time) {
    auto ms = parse_time(*given.time, system_clock().wall_ms());
    if (!ms)
      return fail(errc::bad_argument, "--time " + ms.error().detail);
    return start{start_position::timestamp(*ms)};
  }
  if (given.from_beginning)
    return start{start_position::earliest()};
  if (!given.offset || *given.offset == "latest" || *given.offset == "end")
    return start{start_position::latest()};
  const auto& text = *given.offset;
  if (text == "earliest" || text == "beginning")
    return start{start_position::earliest()};
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc{} || end != text.data() + text.size() || number == std::numeric_limits<std::int64_t>::min())
    return fail(errc::bad_argument, "--offset " + text + ": expected a number, -N for N before the end, earliest or latest");
  return number >= 0 ? start{start_position::offset(number)} : start{{}, -number};
}

result<std::vector<topic_partition>> find_partitions(client::admin& administrator, const options& given) {
  CAFKA_TRY_ASSIGN(details, administrator.describe_topics(given.topics));
  std::vector<topic_partition> found;
  for (const auto& detail : details) {
    if (!detail.topic)
      return fail(detail.topic.error().code, "topic " + detail.name + ": " + detail.topic.error().detail);
    const auto count = static_cast<std::int32_t>(detail.topic->partitions.size());
    for (const auto partition : given.partitions)
      if (partition >= count)
        return fail(errc::unknown_topic_or_partition, "topic " + detail.name + " has " + std::to_string(count) +
                                                          " partitions, numbered from 0; there is no " + std::to_string(partition));
    for (std::int32_t partition = 0; partition < count; ++partition)
      if (given.partitions.empty() || std::find(given.partitions.begin(), given.partitions.end(), partition) != given.partitions.end())
        found.push_back({detail.name, partition});
  }
  return found;
}

// Where each partition is read from, "N before the end" resolved.
result<std::vector<client::partition_start>> find_starts(client::admin& administrator, const std::vector<topic_partition>& partitions,
                                                         const start& from, client::isolation level) {
  std::vector<client::partition_start> starts;
  if (from.before_end == 0) {
    for (const auto& where : partitions)
      starts.push_back({where, from.position});
    return starts;
  }
  std::vector<client::offset_query> queries;
  for (const auto& where : partitions)
    for (const auto timestamp : {client::offset_query::earliest, client::offset_query::latest})
      queries.push_back({where, timestamp});
  CAFKA_TRY_ASSIGN(listed, administrator.list_offsets(queries, level));
  for (std::size_t i = 0; i + 1 < listed.size(); i += 2) {
    CAFKA_TRY_ASSIGN(first, listed[i].offset);
    CAFKA_TRY_ASSIGN(end, listed[i + 1].offset);
    starts.push_back({listed[i].where, client::start_position::offset(std::max(first.offset, end.offset - from.before_end))});
  }
  return starts;
}

class reader {
public:
  reader(const options& given, record_format format, client::consumer& consumer)
      : given_(given), format_(std::move(format)), consumer_(consumer), progress_("consumed", !given.quiet && !is_terminal(1)) {}

  result<void> note_ends(const std::vector<topic_partition>& partitions) {
    CAFKA_TRY_ASSIGN(ends, consumer_.end_offsets(partitions));
    for (std::size_t i = 0; i < partitions.size(); ++i)
      ends_[partitions[i]] = ends[i];
    reading_ = partitions;
    return {};
  }

  int run() {
    while (!is_done()) {
      if (interrupt_guard::requested())
        return finish(interrupted);
      auto polled = consumer_.poll(client::milliseconds{200}); // short, so that Ctrl-C is soon seen
      progress_.tick();
      if (!polled) {
        finish(failure);
        return report(polled.error());
      }
      if (!write(*polled) || (!polled->empty() && !out_.flush()))
        return finish(success);
    }
    return finish(success);
  }

private:
  // False when the output has gone.
  bool write(const client::records& polled) {
    for (const auto& record : polled) {
      if (written_ == given_.max_messages || interrupt_guard::requested())
        break;
      if (given_.exit_at_end && is_past_end(record))
        continue;
      format_.append(out_.buffer(), record);
      ++written_;
      progress_.add((record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0));
      if (!out_.spill())
        return false;
    }
    return true;
  }

  // Runs of records share a partition: the last look-up is remembered.
  bool is_past_end(const client::record& record) {
    if (!last_ || last_->first.partition != record.partition || last_->first.topic != record.topic)
      last_ = &*ends_.find(topic_partition{std::string{record.topic}, record.partition});
    return record.offset >= last_->second;
  }

  bool is_done() {
    if (written_ >= given_.max_messages)
      return true;
    if (!given_.exit_at_end)
      return false;
    std::erase_if(reading_, [&](const auto& where) {
      const auto position = consumer_.position(where);
      return !position || *position >= ends_.at(where);
    });
    return reading_.empty();
  }

  int finish(int code) {
    const bool is_written = out_.flush();
    progress_.finish();
    return is_written ? code : out_.failure_code();
  }

  const options& given_;
  record_format format_;
  client::consumer& consumer_;
  progress progress_;
  output out_;
  std::uint64_t written_ = 0;
  std::map<topic_partition, std::int64_t> ends_;
  const std::pair<const topic_partition, std::int64_t>* last_ = nullptr;
  std::vector<topic_partition> reading_; // partitions whose end is not reached yet, with --exit-at-end
};

int consume(const options& given) {
  const auto from = parse_start(given);
  if (!from)
    return report(from.error(), usage);
  auto format = given.json ? record_format::json() : record_format::parse(given.format, given.null_text);
  if (!format)
    return report("--format " + format.error().detail, usage);
  interrupt_guard signals;
  auto where = signals.without_signals([&] { return client::cluster{given.connect.cluster("cafka-consume")}; });
  client::admin administrator{where};
  const auto partitions = find_partitions(administrator, given);
  if (!partitions)
    return report(partitions.error());
  client::consumer_config config;
  config.isolation = given.read_committed ? client::isolation::read_committed : client::isolation::read_uncommitted;
  if (given.offset)
    config.on_out_of_range = client::offset_reset::fail; // who names an offset wants that one
  client::consumer consumer{where, config};
  reader records{given, std::move(*format), consumer};
  auto starts = find_starts(administrator, *partitions, *from, config.isolation);
  if (!starts)
    return report(starts.error());
  if (given.exit_at_end)
    if (auto noted = records.note_ends(*partitions); !noted)
      return report(noted.error());
  if (auto assigned = consumer.assign(std::move(*starts)); !assigned)
    return report(assigned.error());
  return records.run();
}

} // namespace

void add_consume(CLI::App& app, action& chosen) {
  auto given = std::make_shared<options>();
  auto* command = app.add_subcommand("consume", "Print the records of topics");
  command->footer(footer);
  given->connect.add_to(*command);
  command->add_option("TOPIC", given->topics, "names")->required();
  command->add_option("-p,--partition", given->partitions, "only this one; may be repeated")->take_all()->check(CLI::NonNegativeNumber);
  auto* beginning = command->add_flag("--from-beginning", given->from_beginning, "begin with the earliest record there is");
  auto* offset = command->add_option("-o,--offset", given->offset, "begin at this offset; -N: N before the end; earliest, latest")
                     ->type_name("OFFSET");
  auto* time = command
                   ->add_option("--time,--from-time", given->time,
                                "begin with the first record at or after: ms since 1970, 2026-11-21T04:15:00Z, -15m")
                   ->type_name("TIME");
  beginning->excludes(offset)->excludes(time);
  offset->excludes(time);
  command->add_option("-n,--max-messages", given->max_messages, "stop after so many records")->type_name("N");
  command->add_flag("-e,--exit-at-end", given->exit_at_end, "stop at what is the end now");
  auto* format = command->add_option("-f,--format", given->format, "how a record is written, see below")->capture_default_str();
  command->add_flag("-J,--json", given->json, "a JSON object per line; what is not UTF-8 as base64")->excludes(format);
  command->add_option("--null", given->null_text, "what stands for a missing key or value")->type_name("TEXT");
  command->add_flag("--read-committed", given->read_committed, "no further than the first open transaction");
  command->add_flag("-q,--quiet", given->quiet, "no progress");
  command->callback([&chosen, given] { chosen = [given] { return consume(*given); }; });
}

} // namespace cafka::cli
