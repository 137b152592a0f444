#include "net/kafka/versions.hpp"

#include "net/kafka/handlers.hpp"

#include <algorithm>

namespace cafka::net::kafka {

namespace {

// [a-zA-Z0-9] with [a-zA-Z0-9.-] between: what Kafka allows to be put into its metrics.
bool is_software_name(std::string_view text) {
  const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  return !text.empty() && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
         std::ranges::all_of(text, [&](char c) { return is_alphanumeric(c) || c == '.' || c == '-'; });
}

} // namespace

api_versions_response served_versions(const metadata::image& image) {
  api_versions_response response;
  for (const auto& each : served_apis)
    if (find_handler(each.key) != nullptr)
      response.api_keys.push_back({static_cast<std::int16_t>(each.key), each.lowest_advertised, each.served.highest});
  response.finalized_features_epoch = image.offset();
  for (const auto& [name, level] : image.features()) {
    // Readers of a feature's name rely on it: what is not served in full is not finalized here, whatever the log says.
    if (name == "group.version" || name == "transaction.version" || name == "share.version" || name == "streams.version")
      continue;
    response.finalized_features.push_back({name, level, level});
    response.supported_features.push_back({name, std::int16_t{1}, level});
  }
  return response;
}

std::string_view name_of_api(std::int16_t key) noexcept {
  const auto* found = find_api(key);
  return found != nullptr ? found->name : std::string_view{};
}

void answer(kafka_session& session, const api_versions_request& request, const call& to) {
  if (to.version < 3 || (is_software_name(request.client_software_name) && is_software_name(request.client_software_version)))
    return session.reply(to, served_versions(*session.node().image()));
  api_versions_response refused;
  refused.error_code = static_cast<std::int16_t>(errc::invalid_request);
  session.reply(to, refused);
}

void answer_unknown_api_versions(kafka_session& session, const incoming& request) {
  api_versions_response response;
  response.error_code = static_cast<std::int16_t>(errc::unsupported_version);
  response.api_keys.push_back({static_cast<std::int16_t>(api_key::api_versions), request.of.lowest_advertised, request.of.served.highest});
  auto to = session.begin(request);
  to.version = 0;
  session.reply(to, response);
}

} // namespace cafka::net::kafka
