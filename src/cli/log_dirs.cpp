// `cafka log dirs`: what lies in the log directories of running nodes, and how large it is.
#include "cli/log_dirs.hpp"

#include "cli/output.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace cafka::cli {

namespace {

std::string bytes_text(std::int64_t bytes) { return bytes < 0 ? "unknown" : std::to_string(bytes); }

void print_text(const client::log_directory& directory, output& out) {
  out.write("Node: " + std::to_string(directory.node) + "\tLogDir: " + directory.path +
            (directory.state ? "\tTotalBytes: " + bytes_text(directory.total_bytes) + "\tUsableBytes: " + bytes_text(directory.usable_bytes)
                             : "\tError: " + explain(directory.state.error())) +
            '\n');
  for (const auto& replica : directory.replicas)
    out.write("\tPartition: " + replica.where.to_string() + "\tSize: " + std::to_string(replica.size_bytes) + '\n');
}

void print_json(const client::log_directory& directory, output& out) {
  nlohmann::ordered_json line{{"node", directory.node}, {"logDir", directory.path}};
  line["error"] = directory.state ? nlohmann::ordered_json{} : nlohmann::ordered_json(explain(directory.state.error()));
  line["totalBytes"] = directory.total_bytes;
  line["usableBytes"] = directory.usable_bytes;
  line["partitions"] = nlohmann::ordered_json::array();
  for (const auto& replica : directory.replicas)
    line["partitions"].push_back({{"topic", replica.where.topic}, {"partition", replica.where.partition}, {"size", replica.size_bytes}});
  out.write(line.dump() + '\n');
}

} // namespace

int log_dirs(const log_dirs_options& given) {
  client::cluster where{given.connect.cluster("cafka-log-dirs")};
  auto directories = client::admin{where}.describe_log_dirs();
  if (!directories)
    return report(directories.error());
  const std::set<std::string> wanted(given.topics.begin(), given.topics.end());
  output out;
  int code = success;
  for (auto& directory : *directories) {
    if (!wanted.empty())
      std::erase_if(directory.replicas, [&](const auto& replica) { return !wanted.contains(replica.where.topic); });
    std::ranges::sort(directory.replicas, {}, [](const auto& replica) { return std::tie(replica.where.topic, replica.where.partition); });
    given.json ? print_json(directory, out) : print_text(directory, out);
    if (!directory.state)
      code = failure;
  }
  return out.flush() ? code : out.failure_code();
}

} // namespace cafka::cli
