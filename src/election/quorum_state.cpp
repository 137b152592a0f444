#include "election/quorum_state.hpp"

#include <charconv>
#include <map>
#include <optional>

namespace cafka::election {

namespace {

// Flat JSON objects of numbers, strings and null are all that this file ever holds (version 0 also had an array, which is skipped).
class flat_json {
public:
  explicit flat_json(std::string_view text) : text_(text) {}

  result<std::map<std::string, std::string, std::less<>>> parse() {
    std::map<std::string, std::string, std::less<>> members;
    if (!take('{'))
      return broken();
    while (!take('}')) {
      if (!members.empty() && !take(','))
        return broken();
      const auto name = take_string();
      if (!name || !take(':'))
        return broken();
      const auto value = take_value();
      if (!value || !members.emplace(*name, *value).second)
        return broken();
    }
    skip_space();
    if (!text_.empty())
      return broken();
    return members;
  }

private:
  static tl::unexpected<error> broken() { return fail(errc::bad_format, "quorum-state is not the JSON object that it should be"); }
  void skip_space() {
    const auto first = text_.find_first_not_of(" \t\r\n");
    text_.remove_prefix(first == std::string_view::npos ? text_.size() : first);
  }
  bool take(char c) {
    skip_space();
    if (text_.empty() || text_[0] != c)
      return false;
    text_.remove_prefix(1);
    return true;
  }
  std::optional<std::string> take_string() {
    if (!take('"'))
      return std::nullopt;
    const auto end = text_.find_first_of("\"\\"); // ids need no escape
    if (end == std::string_view::npos || text_[end] != '"')
      return std::nullopt;
    std::string value{text_.substr(0, end)};
    text_.remove_prefix(end + 1);
    return value;
  }
  std::optional<std::string> take_value() {
    skip_space();
    if (!text_.empty() && text_[0] == '"')
      return take_string();
    if (!text_.empty() && text_[0] == '[') {
      const auto end = text_.find(']'); // currentVoters of version 0: objects without arrays in them
      if (end == std::string_view::npos)
        return std::nullopt;
      text_.remove_prefix(end + 1);
      return "";
    }
    const auto end = std::min(text_.find_first_of(",} \t\r\n"), text_.size());
    if (end == 0)
      return std::nullopt;
    std::string value{text_.substr(0, end)};
    text_.remove_prefix(end);
    return value;
  }

  std::string_view text_;
};

} // namespace

std::string to_json(const quorum_state& state) {
  return "{\"leaderId\":" + std::to_string(state.leader) + ",\"leaderEpoch\":" + std::to_string(state.leader_epoch) +
         ",\"votedId\":" + std::to_string(state.voted.id) + ",\"votedDirectoryId\":\"" + state.voted.directory_id.to_string() +
         "\",\"data_version\":1}";
}

result<quorum_state> parse_quorum_state(std::string_view text) {
  CAFKA_TRY_ASSIGN(members, flat_json{text}.parse());
  auto number = [&](std::string_view name) -> result<std::int32_t> {
    const auto found = members.find(name);
    std::int32_t value = 0;
    if (found != members.end()) {
      const auto* end = found->second.data() + found->second.size();
      const auto parsed = std::from_chars(found->second.data(), end, value);
      if (parsed.ec == std::errc{} && parsed.ptr == end)
        return value;
    }
    return fail(errc::bad_format, "quorum-state has no number " + std::string{name});
  };
  CAFKA_TRY_ASSIGN(version, number("data_version"));
  if (version < 0 || version > 1)
    return fail(errc::bad_format, "quorum-state has data_version " + std::to_string(version) + "; 0 and 1 are known");
  quorum_state state;
  CAFKA_TRY_ASSIGN(leader, number("leaderId"));
  CAFKA_TRY_ASSIGN(epoch, number("leaderEpoch"));
  CAFKA_TRY_ASSIGN(voted, number("votedId"));
  if (epoch < 0 || leader < no_node || voted < no_node)
    return fail(errc::bad_format, "quorum-state has an epoch or id below what can be");
  state.leader = leader;
  state.leader_epoch = epoch;
  state.voted.id = voted;
  if (version == 1) {
    const auto found = members.find("votedDirectoryId");
    const auto id = found == members.end() ? std::nullopt : uuid::parse(found->second);
    if (!id)
      return fail(errc::bad_format, "quorum-state has no directory id in votedDirectoryId");
    state.voted.directory_id = *id;
  }
  return state;
}

} // namespace cafka::election
