// What `cafka topic list` and `describe` print. The text has the fields, names and separators of Kafka's own tool.
#pragma once
#include "client/types.hpp"

#include <string>
#include <vector>

namespace cafka::cli {

std::string topics_text(const std::vector<client::topic_description>& topics);
// One array; ends with a line feed.
std::string topics_json(const std::vector<client::topic_description>& topics);

} // namespace cafka::cli
