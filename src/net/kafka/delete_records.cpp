// DeleteRecords: partitions' logs begin later.
#include "metadata/controller.hpp"
#include "net/kafka/admin_handlers.hpp"
#include "net/kafka/shared.hpp"

#include <algorithm>
#include <map>

namespace cafka::net::kafka {

namespace {

errc why_not(const metadata::image& image, const std::string& topic, std::int32_t partition, std::int64_t offset) {
  const auto* known = image.find_topic(topic);
  if (known == nullptr)
    return errc::unknown_topic_or_partition;
  if (metadata::is_internal_topic(topic))
    return errc::invalid_topic_exception;
  if (known->find_partition(partition) == nullptr)
    return errc::unknown_topic_or_partition;
  return offset < -1 ? errc::offset_out_of_range : errc::none;
}

} // namespace

void answer(kafka_session& session, const delete_records_request& request, const call& to) {
  // What is named twice holds as it is named last.
  std::map<std::string, std::map<std::int32_t, std::int64_t>> wanted;
  std::size_t asked = 0;
  for (const auto& topic : request.topics) {
    asked += topic.partitions.size();
    auto& partitions = wanted[std::string{topic.name}];
    for (const auto& partition : topic.partitions)
      partitions.insert_or_assign(partition.partition_index, partition.offset);
  }
  auto response = std::make_shared<delete_records_response>();
  if (asked > max_partitions_per_request) {
    for (const auto& [name, partitions] : wanted) {
      auto& row = response->topics.emplace_back();
      row.name = name;
      for (const auto& [number, offset] : partitions)
        row.partitions.push_back({number, -1, error_code_of(errc::invalid_request)});
    }
    return session.reply(to, *response);
  }
  std::size_t count = 0;
  for (const auto& [name, partitions] : wanted) {
    auto& row = response->topics.emplace_back();
    row.name = name;
    for (const auto& [number, offset] : partitions)
      row.partitions.push_back({number, -1, 0});
    count += partitions.size();
  }
  auto answers = session.when_all_done<std::int64_t>(count, [&session, to, response](const std::vector<result<std::int64_t>>& done) {
    std::size_t at = 0;
    for (auto& topic : response->topics)
      for (auto& row : topic.partitions) {
        const auto& answer = done[at++];
        row.low_watermark = answer.value_or(-1);
        row.error_code = answer ? std::int16_t{0} : error_code_of(answer.error().code);
      }
    session.reply(to, *response);
  });
  const auto image = session.node().image();
  const auto deadline = session.host().loop().now_ms() + std::clamp(request.timeout_ms, 0, longest_wait_ms);
  std::size_t at = 0;
  for (const auto& [name, partitions] : wanted)
    for (const auto& [number, offset] : partitions) {
      const auto slot = at++;
      if (const auto code = why_not(*image, name, number, offset); code != errc::none)
        answers->answer(slot, fail(code));
      else
        session.node().delete_records({image->find_topic(name)->id, number}, offset, deadline, answers->slot(slot));
    }
  answers->close();
}

} // namespace cafka::net::kafka
