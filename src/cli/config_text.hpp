// The table of configuration keys as people read it.
#pragma once
#include <string>
#include <string_view>

namespace cafka::cli {

// docs/configuration.md, whole.
std::string config_markdown();
// For a terminal; only keys whose names (either level) contain `part`.
std::string config_text(std::string_view part);
std::string config_json();

} // namespace cafka::cli
