#include "metadata/image.hpp"

namespace cafka::metadata {

const partition_registration* topic_image::find_partition(std::int32_t partition) const {
  const auto found = partitions.find(partition);
  return found == partitions.end() ? nullptr : &found->second;
}

const topic_image* image::find_topic(std::string_view name) const {
  const auto found = topics_by_name_.find(name);
  return found == topics_by_name_.end() ? nullptr : found->second.get();
}

const topic_image* image::find_topic(const uuid& id) const {
  const auto found = topics_by_id_.find(id);
  return found == topics_by_id_.end() ? nullptr : found->second.get();
}

const config_map& image::configs(config_resource type, std::string_view name) const {
  static const config_map nothing_set;
  const auto found = configs_.find(config_key{type, std::string{name}});
  return found == configs_.end() ? nothing_set : found->second;
}

} // namespace cafka::metadata
