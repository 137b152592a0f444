// `cafka perf`: how fast a cluster takes and gives records.
#pragma once
#include "cli/command.hpp"

#include <optional>

namespace cafka::cli {

struct perf_produce_options {
  connect_options connect;
  std::string topic;
  std::uint64_t records = 0, warmup_records = 0;
  std::optional<std::size_t> record_bytes;
  std::optional<std::string> payload_file;
  std::string delimiter = "\\n";
  std::optional<double> throughput; // records a second
  std::string acks = "all", compression = "none";
  std::size_t batch_bytes = 128 * 1024;
  std::int64_t linger_ms = 5;
  bool print_metrics = false;
};
int perf_produce(const perf_produce_options& given);

struct perf_consume_options {
  connect_options connect; // its timeout_ms also bounds the wait for a further record
  std::string topic;
  std::optional<std::uint64_t> records; // none: to what is the end at the beginning
};
int perf_consume(const perf_consume_options& given);

} // namespace cafka::cli
