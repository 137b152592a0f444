// A cluster's nodes and what they serve, as text of tab-separated fields or as JSON.
#pragma once
#include "client/admin.hpp"

#include <string>
#include <vector>

namespace cafka::cli {

// The cluster, then a line for each node: what it runs, or why it could not be asked.
std::string cluster_text(const client::cluster_description& cluster, const std::vector<client::node_description>& nodes);
// One value.
std::string cluster_json(const client::cluster_description& cluster, const std::vector<client::node_description>& nodes);

// The node, then a line for each API and each finalized feature.
std::string apis_text(const client::node_apis& of);
// One line.
std::string apis_json(const client::node_apis& of);

} // namespace cafka::cli
