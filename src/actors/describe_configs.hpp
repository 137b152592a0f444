// What DescribeConfigs answers, from the table of keys, the node's file and the image. Pure.
#pragma once
#include "base/config/node_config.hpp"
#include "metadata/admin.hpp"
#include "metadata/image.hpp"

namespace cafka::actors {

// unknown_topic_or_partition for a topic that is not in `image`; invalid_request for another node's configs.
result<std::vector<metadata::config_entry>> describe_configs(const node_config& node, const metadata::image& image,
                                                             const metadata::config_key& resource);

// What a topic that sets `set` has on this node.
std::vector<metadata::config_entry> describe_topic_configs(const node_config& node, const metadata::image& image, const config_values& set);

} // namespace cafka::actors
