// What a partition's actor needs of its topic's configuration; one object per topic, shared by its partitions.
#pragma once
#include "base/config/topic_config.hpp"
#include "storage/log_config.hpp"
#include "storage/record_batch.hpp"

#include <memory>

namespace cafka::actors {

struct partition_settings {
  storage::log_config log;
  storage::produce_checks checks; // now_ms is filled in per request
  std::int32_t min_insync_replicas = 1;
  std::int64_t producer_expiration_ms = 86'400'000; // the node's: producer.id.expiration.ms
};

using settings_ptr = std::shared_ptr<const partition_settings>;

partition_settings make_partition_settings(const topic_config& config);

} // namespace cafka::actors
