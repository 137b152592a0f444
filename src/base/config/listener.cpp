#include "base/config/listener.hpp"

#include "base/config/value_text.hpp"

#include <algorithm>
#include <charconv>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cafka {

namespace {

std::string upper(std::string_view text) {
  std::string out{text};
  for (auto& c : out)
    if (c >= 'a' && c <= 'z')
      c = static_cast<char>(c - 'a' + 'A');
  return out;
}

template <class T>
bool parse_whole(std::string_view text, T& value) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc{} && end == text.data() + text.size();
}

} // namespace

result<host_and_port> parse_host_and_port(std::string_view text, bool allow_empty_host, std::uint16_t default_port) {
  auto refuse = [&] { return fail(errc::bad_argument, "HOST:PORT with a port from 0 to 65535, not '" + std::string{text} + '\''); };
  host_and_port out;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos)
      return refuse();
    out.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && !port.starts_with(':'))
      return refuse();
    port = port.empty() ? port : port.substr(1);
  } else {
    const auto colon = text.rfind(':');
    if (colon != std::string_view::npos && text.find(':') != colon)
      return refuse(); // IPv6 without brackets: where the port begins cannot be told
    out.host = text.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  }
  if (port.empty() && default_port != 0)
    out.port = default_port;
  else if (!parse_whole(port, out.port))
    return refuse();
  const bool strange = std::any_of(out.host.begin(), out.host.end(), [](char c) { return c == '/' || c == ' ' || c == '@'; });
  if (strange || (out.host.empty() && !allow_empty_host))
    return refuse();
  return out;
}

result<std::vector<listener_address>> parse_listeners(std::string_view text) {
  std::vector<listener_address> out;
  for (const auto& item : split_list(text)) {
    const auto separator = item.find("://");
    if (separator == std::string::npos || separator == 0)
      return fail(errc::bad_argument, "NAME://HOST:PORT, separated by commas, not '" + item + '\'');
    auto address = parse_host_and_port(std::string_view{item}.substr(separator + 3), true, 0);
    if (!address)
      return fail(errc::bad_argument, "NAME://" + address.error().detail);
    listener_address one{upper(std::string_view{item}.substr(0, separator)), std::move(address->host), address->port};
    for (const auto& other : out) {
      if (other.name == one.name)
        return fail(errc::bad_argument, "each listener name once; " + one.name + " is there twice");
      if (other.port == one.port && one.port != 0 && (other.host == one.host || other.host.empty() || one.host.empty()))
        return fail(errc::bad_argument, "a port of its own for each listener; " + std::to_string(one.port) + " is there twice");
    }
    out.push_back(std::move(one));
  }
  if (out.empty())
    return fail(errc::bad_argument, "at least one NAME://HOST:PORT");
  return out;
}

result<std::vector<quorum_voter>> parse_voters(std::string_view text) {
  std::vector<quorum_voter> out;
  for (const auto& item : split_list(text)) {
    const auto at = item.find('@');
    quorum_voter voter;
    if (at == std::string::npos || !parse_whole(std::string_view{item}.substr(0, at), voter.id) || voter.id < 0)
      return fail(errc::bad_argument, "ID@HOST:PORT, separated by commas, not '" + item + '\'');
    auto address = parse_host_and_port(std::string_view{item}.substr(at + 1), false, 0);
    if (!address)
      return fail(errc::bad_argument, "ID@" + address.error().detail);
    voter.host = std::move(address->host);
    voter.port = address->port;
    for (const auto& other : out) {
      if (other.id == voter.id)
        return fail(errc::bad_argument, "each voter's id once; " + std::to_string(voter.id) + " is there twice");
      if (other.host == voter.host && other.port == voter.port)
        return fail(errc::bad_argument, "an address of its own for each voter; " + std::to_string(other.id) + " and " +
                                            std::to_string(voter.id) + " are both at " + voter.host + ':' + std::to_string(voter.port));
    }
    out.push_back(std::move(voter));
  }
  return out;
}

result<std::map<std::string, std::string>> parse_protocol_map(std::string_view text) {
  constexpr std::string_view protocols[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
  std::map<std::string, std::string> out;
  for (const auto& item : split_list(text)) {
    const auto colon = item.find(':');
    auto name = upper(trim_value(std::string_view{item}.substr(0, colon)));
    auto protocol = colon == std::string::npos ? std::string{} : upper(trim_value(std::string_view{item}.substr(colon + 1)));
    if (name.empty() || std::find(std::begin(protocols), std::end(protocols), protocol) == std::end(protocols))
      return fail(errc::bad_argument,
                  "NAME:PROTOCOL, separated by commas, not '" + item + "'; protocols are PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL");
    out[std::move(name)] = std::move(protocol);
  }
  return out;
}

std::string reachable_host_name() {
  char name[256] = {};
  addrinfo* found = nullptr;
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0' || ::getaddrinfo(name, nullptr, nullptr, &found) != 0)
    return "localhost";
  ::freeaddrinfo(found);
  return name;
}

} // namespace cafka
