// What this node speaks of Kafka's protocol: answered to ApiVersions, and to describe_apis of the native protocol.
#pragma once
#include "metadata/image.hpp"
#include "net/kafka/messages/api_versions.hpp"

namespace cafka::net::kafka {

// The APIs in ascending order of keys, and the features that the image has finalized.
api_versions_response served_versions(const metadata::image& image);
// "Produce" for 0; empty for an API that is not served.
std::string_view name_of_api(std::int16_t key) noexcept;

} // namespace cafka::net::kafka
