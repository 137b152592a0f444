// DescribeLogDirs: how large the replicas in each log directory of this node are, and how much room there is.
#include "net/kafka/admin_handlers.hpp"
#include "net/kafka/shared.hpp"

#include <map>
#include <set>

namespace cafka::net::kafka {

namespace {

// Every replica here leads or is alone: it lags behind nothing, and none is moving between directories.
describe_log_dirs_response::result describe(const log_dir_description& from, const std::optional<std::set<topic_partition>>& asked) {
  describe_log_dirs_response::result row;
  row.log_dir = from.path;
  row.error_code = error_code_of(from.code);
  if (from.code != errc::none)
    return row;
  row.total_bytes = from.total_bytes;
  row.usable_bytes = from.usable_bytes;
  std::map<std::string_view, std::vector<describe_log_dirs_response::partition>> topics;
  for (const auto& each : from.partitions)
    if (!asked || asked->contains(each.name))
      topics[each.name.topic].push_back({each.name.partition, each.size_bytes, 0, false});
  for (auto& [name, partitions] : topics)
    row.topics.push_back({std::string{name}, std::move(partitions)});
  return row;
}

} // namespace

void answer(kafka_session& session, const describe_log_dirs_request& request, const call& to) {
  std::optional<std::set<topic_partition>> asked;
  if (request.topics) {
    asked.emplace();
    for (const auto& topic : *request.topics)
      for (const auto number : topic.partitions)
        asked->insert({std::string{topic.topic}, number});
  }
  using descriptions = std::vector<log_dir_description>;
  session.node().describe_log_dirs(
      session.when_done<descriptions>([&session, to, asked = std::move(asked)](const result<descriptions>& directories) {
        describe_log_dirs_response response;
        if (directories)
          for (const auto& each : *directories)
            response.results.push_back(describe(each, asked));
        else
          response.error_code = error_code_of(directories.error().code);
        session.reply(to, response);
      }));
}

} // namespace cafka::net::kafka
