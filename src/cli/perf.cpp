#include "cli/perf.hpp"

namespace cafka::cli {

namespace {

constexpr auto produce_footer =
    R"(A line a second, then one for the whole run with percentiles; the words are those of kafka-producer-perf-test, and as there a MB
is 1,048,576 bytes. Latency is from the moment a record is given to the client, room in its buffer or not, to its
acknowledgement. The topic must exist. Ctrl-C ends the run: what was sent is waited for and counted.

Exit codes: as of `cafka produce`; the first record that fails ends the run.

Examples:
  cafka topic create speed --partitions 6
  cafka perf produce speed --records 1000000 --record-bytes 1000
  cafka perf produce speed --records 60000 --record-bytes 200 --throughput 1000 --linger-ms 0
  cafka perf produce speed --records 500000 --payload-file events.jsonl --compression zstd --warmup-records 50000)";

constexpr auto consume_footer =
    R"(Reads every partition from its beginning: to what is the end when the command begins, or until there were --records.
A line a second, then one for the whole run, up to its last record; a MB is 1,048,576 bytes of keys and values.

Exit codes: 0 done; 1 failed, or no further record came in time; 130 interrupted.

Examples:
  cafka perf consume speed
  cafka perf consume speed --records 1000000 --timeout-ms 5000)";

void add_perf_produce(CLI::App& group, action& chosen) {
  auto given = std::make_shared<perf_produce_options>();
  auto* command = group.add_subcommand("produce", "Send records and tell rates and latencies");
  command->footer(produce_footer);
  given->connect.add_to(*command);
  command->add_option("TOPIC", given->topic, "name")->required();
  command->add_option("-n,--records", given->records, "how many to send")->required()->check(CLI::PositiveNumber);
  auto* bytes = command->add_option("-s,--record-bytes", given->record_bytes, "size of each record's value, random letters")
                    ->check(CLI::PositiveNumber);
  auto* file =
      command->add_option("--payload-file", given->payload_file, "take values from this file, in a random order")->type_name("FILE");
  bytes->excludes(file);
  command->add_option("-D,--delimiter", given->delimiter, "what stands between values in the file (escapes as \\n, \\x00)")
      ->capture_default_str();
  command->add_option("-t,--throughput", given->throughput, "records a second; default: as fast as it goes")->check(CLI::PositiveNumber);
  command->add_option("-a,--acks", given->acks, "who must have a record: all in-sync replicas, the leader (1), nobody (0)")
      ->check(CLI::IsMember({"all", "-1", "1", "0"}))
      ->capture_default_str();
  command->add_option("-z,--compression", given->compression, "of batches")
      ->check(CLI::IsMember({"none", "gzip", "snappy", "lz4", "zstd"}))
      ->capture_default_str();
  command->add_option("--batch-bytes", given->batch_bytes, "a full batch")->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--linger-ms", given->linger_ms, "how long a batch that is not full waits for more")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--warmup-records", given->warmup_records, "tell a second time about the records after the first N")->type_name("N");
  command->add_flag("--print-metrics", given->print_metrics, "at the end, what the client counted: batches, retries, bytes");
  command->callback([&chosen, given] { chosen = [given] { return perf_produce(*given); }; });
}

void add_perf_consume(CLI::App& group, action& chosen) {
  auto given = std::make_shared<perf_consume_options>();
  auto* command = group.add_subcommand("consume", "Read records from the beginning and tell rates");
  command->footer(consume_footer);
  given->connect.add_to(*command);
  command->get_option("--timeout-ms")->description("how long to wait for an answer, and for a further record");
  command->add_option("TOPIC", given->topic, "name")->required();
  command->add_option("-n,--records", given->records, "how many to read; default: all up to the present end")->check(CLI::PositiveNumber);
  command->callback([&chosen, given] { chosen = [given] { return perf_consume(*given); }; });
}

} // namespace

void add_perf(CLI::App& app, action& chosen) {
  auto* group = app.add_subcommand("perf", "Measure how fast a cluster takes and gives records");
  group->require_subcommand(1);
  add_perf_produce(*group, chosen);
  add_perf_consume(*group, chosen);
}

} // namespace cafka::cli
