// What `cafka topic list` and `describe` print. The text has the fields, names and separators of Kafka's own tool.
#pragma once
#include "client/types.hpp"

#include <string>
#include <vector>

namespace cafka::cli {

// A line for each topic, unless `with_headings` is false, and one for each partition.
std::string topics_text(const std::vector<client::topic_description>& topics, bool with_headings = true);
// One array; ends with a line feed.
std::string topics_json(const std::vector<client::topic_description>& topics);

} // namespace cafka::cli
