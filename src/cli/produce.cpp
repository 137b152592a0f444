// `cafka produce`: each line of standard input, or of files, becomes a record.
#include "cli/command.hpp"
#include "cli/delivery_tally.hpp"
#include "cli/interrupt.hpp"
#include "cli/line_source.hpp"
#include "cli/progress.hpp"
#include "cli/record_format.hpp"
#include "client/producer.hpp"

#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <fcntl.h>
#include <memory>

namespace cafka::cli {

namespace {

constexpr auto footer = R"(Bytes are sent as they are: nothing is trimmed, decoded or added. A missing topic is created with the cluster's
defaults if the cluster allows that. The first failure ends the command: what was read before it is still sent.

Exit codes: 0 all records are acknowledged; 3 some are certainly not written; 4 of some it is unknown;
130 interrupted, after what had been read was sent and acknowledged; 1 and 2 nothing was sent.

Examples:
  echo hello | cafka produce greetings
  printf 'en:hello\nko:안녕\n' | cafka produce greetings --key-separator :
  cafka produce events --compression zstd < events.jsonl
  cafka produce photos --whole --header type=jpeg a.jpg b.jpg)";

struct options {
  connect_options connect;
  std::string topic;
  std::vector<std::string> files;
  std::string key_separator, delimiter = "\\n";
  std::string acks = "all", compression = "none";
  std::vector<std::string> headers;
  std::optional<std::string> null_text;
  std::optional<std::int32_t> partition;
  std::optional<std::int64_t> timestamp;
  std::int64_t linger_ms = 5;
  std::size_t batch_bytes = 128 * 1024;
  std::size_t max_record_bytes = 8 * 1024 * 1024;
  std::int64_t delivery_timeout_ms = 120'000;
  bool whole = false;
  bool no_create = false;
  bool quiet = false;
  bool print_offsets = false;
};

// Options made ready: escapes resolved, records' constant parts.
struct plan {
  client::producer_config config;
  std::string delimiter, key_separator;
  std::vector<std::pair<std::string, std::string>> header_texts;
  std::vector<client::header> headers; // views into header_texts
};

result<void> read_plan(const options& given, plan& out) {
  CAFKA_TRY_ASSIGN(delimiter, unescape(given.delimiter));
  CAFKA_TRY_ASSIGN(separator, unescape(given.key_separator));
  if (delimiter.empty())
    return fail(errc::bad_argument, "--delimiter: expected at least one byte");
  out.delimiter = std::move(delimiter);
  out.key_separator = std::move(separator);
  for (const auto& text : given.headers) {
    auto pair = split_assignment(text);
    if (!pair)
      return fail(errc::bad_argument, "--header " + pair.error().detail);
    out.header_texts.push_back(std::move(*pair));
  }
  for (const auto& [key, value] : out.header_texts)
    out.headers.push_back({key, value});
  out.config.acks = given.acks == "0" ? client::acks::none : given.acks == "1" ? client::acks::leader : client::acks::all;
  out.config.compression = *client::parse_compression(given.compression); // the parser has checked it
  out.config.linger = client::milliseconds{given.linger_ms};
  out.config.batch_size_bytes = given.batch_bytes;
  out.config.max_request_bytes = std::max<std::size_t>(given.max_record_bytes + 64 * 1024, 8 * 1024 * 1024);
  out.config.buffer_memory_bytes = std::max(out.config.buffer_memory_bytes, 2 * out.config.max_request_bytes);
  out.config.delivery_timeout = client::milliseconds{given.delivery_timeout_ms};
  out.config.max_block = out.config.delivery_timeout;
  return {};
}

// May clients bring topics into being by naming them?
bool creates_topics(client::admin& administrator) {
  const auto cluster = administrator.describe_cluster();
  if (!cluster || cluster->brokers.empty())
    return false;
  const auto described =
      administrator.describe_configs({{client::config_resource::kind::broker, std::to_string(cluster->brokers.front().id)}});
  if (!described || described->empty() || !described->front().entries)
    return false;
  for (const auto& entry : *described->front().entries)
    if (entry.key == "auto.create.topics.enable")
      return entry.value == "true";
  return false;
}

// The topic is there when this returns, with the partition that was asked for.
result<void> find_topic(client::admin& administrator, const options& given) {
  CAFKA_TRY_ASSIGN(details, administrator.describe_topics({given.topic}));
  if (details.empty())
    return fail(errc::unknown_server_error, "the cluster did not answer about topic " + given.topic);
  const auto& topic = details.front().topic;
  if (topic) {
    if (given.partition && *given.partition >= static_cast<std::int32_t>(topic->partitions.size()))
      return fail(errc::unknown_topic_or_partition, "topic " + given.topic + " has " + std::to_string(topic->partitions.size()) +
                                                        " partitions, numbered from 0; there is no " + std::to_string(*given.partition));
    return {};
  }
  if (topic.error().code != errc::unknown_topic_or_partition || given.no_create || !creates_topics(administrator))
    return tl::unexpected{topic.error()};
  client::new_topic wanted;
  wanted.name = given.topic;
  CAFKA_TRY_ASSIGN(outcomes, administrator.create_topics({wanted}));
  if (!outcomes.empty() && !outcomes.front().outcome && outcomes.front().outcome.error().code != errc::topic_already_exists)
    return outcomes.front().outcome;
  if (!given.quiet)
    std::fprintf(stderr, "cafka: created topic %s\n", given.topic.c_str());
  return {};
}

class feeder {
public:
  feeder(const options& given, const plan& prepared, client::producer& producer, std::shared_ptr<delivery_tally> counts)
      : given_(given),
        prepared_(prepared),
        producer_(producer),
        counts_(std::move(counts)),
        progress_("produced", !given.quiet && !is_terminal(0)) {}

  // Reads one input to its end, to the first failure or to an interrupt. An error is about the input.
  result<void> feed(line_source& source) {
    if (given_.whole) {
      CAFKA_TRY_ASSIGN(all, source.rest(interrupt_guard::descriptor()));
      return interrupt_guard::requested() ? result<void>{} : send(std::nullopt, all, source);
    }
    while (!counts_->failed() && !interrupt_guard::requested()) {
      CAFKA_TRY_ASSIGN(line, source.next(interrupt_guard::descriptor()));
      if (!line)
        return {};
      CAFKA_TRY(send_line(*line, source));
    }
    return {};
  }
  void finish() { progress_.finish(); }
  [[nodiscard]] std::uint64_t accepted() const noexcept { return number_; }

private:
  result<void> send_line(std::string_view line, const line_source& source) {
    if (prepared_.key_separator.empty())
      return send(std::nullopt, line, source);
    const auto at = line.find(prepared_.key_separator);
    if (at == std::string_view::npos)
      return fail(errc::bad_argument,
                  source.name() + ':' + std::to_string(source.line()) + ": expected a key, '" + given_.key_separator + "' and a value");
    return send(line.substr(0, at), line.substr(at + prepared_.key_separator.size()), source);
  }

  result<void> send(std::optional<std::string_view> key, std::string_view value, const line_source& source) {
    client::outgoing_record record;
    record.topic = given_.topic;
    record.partition = given_.partition;
    if (!(given_.null_text && key == *given_.null_text))
      record.key = key;
    if (!(given_.null_text && value == *given_.null_text))
      record.value = value;
    record.headers = prepared_.headers;
    record.timestamp = given_.timestamp;
    auto sent =
        producer_.send(record, [counts = counts_, number = number_ + 1, print = given_.print_offsets](client::delivery_result outcome) {
          counts->settle(outcome, number);
          if (print && outcome) { // at once: whoever reads this waits for it
            std::printf("%" PRId32 " %" PRId64 "\n", outcome->partition, outcome->offset);
            std::fflush(stdout);
          }
        });
    if (!sent)
      return fail(sent.error().code, source.name() + ':' + std::to_string(source.line()) + ": " + sent.error().detail);
    ++number_;
    progress_.add(value.size() + (key ? key->size() : 0));
    return {};
  }

  const options& given_;
  const plan& prepared_;
  client::producer& producer_;
  std::shared_ptr<delivery_tally> counts_;
  progress progress_;
  std::uint64_t number_ = 0;
};

result<void> feed_all(feeder& records, const options& given, const plan& prepared) {
  auto files = given.files;
  if (files.empty())
    files.emplace_back("-");
  for (const auto& file : files) {
    const bool is_standard_input = file == "-";
    const int descriptor = is_standard_input ? 0 : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
      return fail(errc::bad_argument, file + ": " + std::strerror(errno));
    line_source source{descriptor, is_standard_input ? "standard input" : file, prepared.delimiter, given.max_record_bytes};
    CAFKA_TRY(records.feed(source));
    if (interrupt_guard::requested())
      break;
  }
  return {};
}

int produce(const options& given) {
  plan prepared;
  if (auto ready = read_plan(given, prepared); !ready)
    return report(ready.error(), usage);
  interrupt_guard signals;
  auto where = signals.without_signals([&] { return client::cluster{given.connect.cluster("cafka-produce")}; });
  client::admin administrator{where};
  if (auto there = find_topic(administrator, given); !there)
    return report(there.error());
  auto counts = std::make_shared<delivery_tally>();
  client::producer producer{where, prepared.config};
  feeder records{given, prepared, producer, counts};
  const auto input = feed_all(records, given, prepared);
  producer.close(prepared.config.delivery_timeout + client::milliseconds{1'000});
  records.finish();
  return report_deliveries(*counts, input, records.accepted());
}

} // namespace

void add_produce(CLI::App& app, action& chosen) {
  auto given = std::make_shared<options>();
  auto* command = app.add_subcommand("produce", "Append each line of standard input, or of files, to a topic");
  command->footer(footer);
  given->connect.add_to(*command);
  command->add_option("TOPIC", given->topic, "name")->required();
  command->add_option("FILE", given->files, "read instead of standard input; - is standard input");
  command->add_option("-K,--key-separator", given->key_separator, "what stands between key and value in a line (escapes as \\t)");
  command->add_option("-D,--delimiter", given->delimiter, "what stands between records (escapes as \\n, \\x00)")->capture_default_str();
  command->add_flag("--whole", given->whole, "each file is one record");
  command->add_option("--null", given->null_text, "a key or value that is this text is sent as null (a tombstone)")->type_name("TEXT");
  command->add_option("-H,--header,--headers", given->headers, "name=value for every record; may be repeated")
      ->take_all()
      ->type_name("NAME=VALUE");
  command->add_option("-p,--partition", given->partition, "default: by the key's hash, as Kafka's; without key in turns")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--timestamp", given->timestamp, "milliseconds since 1970 for every record; default: now");
  command->add_option("-a,--acks", given->acks, "who must have a record: all in-sync replicas, the leader (1), nobody (0)")
      ->check(CLI::IsMember({"all", "-1", "1", "0"}))
      ->capture_default_str();
  command->add_option("-z,--compression", given->compression, "of batches")
      ->check(CLI::IsMember({"none", "gzip", "snappy", "lz4", "zstd"}))
      ->capture_default_str();
  command->add_option("--linger-ms", given->linger_ms, "how long a batch that is not full waits for more")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--batch-bytes", given->batch_bytes, "a full batch")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--max-record-bytes", given->max_record_bytes, "a longer line is refused")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--delivery-timeout-ms", given->delivery_timeout_ms, "how long a record may be tried again")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--no-create", given->no_create, "a missing topic is a failure");
  command->add_flag("--print-offsets", given->print_offsets, "print PARTITION OFFSET for each record once it is acknowledged");
  command->add_flag("-q,--quiet", given->quiet, "no progress, no note of a created topic");
  command->callback([&chosen, given] { chosen = [given] { return produce(*given); }; });
}

} // namespace cafka::cli
