// What one request over a connection is, and what comes of it.
#pragma once
#include "base/bytes.hpp"
#include "client/client.hpp"
#include "proto/native.pb.h"

#include <boost/asio/strand.hpp>

namespace cafka::client {

using strand = asio::strand<asio::any_io_executor>;
using steady_clock = std::chrono::steady_clock;
using time_point = steady_clock::time_point;

// A handler that can be assigned to: Boost 1.81's own move assignment wraps the handler in itself without end.
template <class T>
class stored_handler : public asio::any_completion_handler<void(T)> {
public:
  using base = asio::any_completion_handler<void(T)>;
  stored_handler() = default;
  stored_handler(base from) noexcept : base(std::move(from)) {}
  stored_handler(stored_handler&& from) noexcept : base(static_cast<base&&>(from)) {}
  stored_handler& operator=(stored_handler&& from) noexcept {
    stored_handler(std::move(from)).swap(*this);
    return *this;
  }
};

struct rpc_error : error {
  bool sent = false; // at least part of the request may have left: the server may have carried it out
  [[nodiscard]] const error& cause() const noexcept { return *this; }
};

struct rpc_response {
  native::ResponseHeader header;
  std::shared_ptr<const std::byte[]> frame; // owns what `payload` points into; null without a payload
  byte_span payload;
};

using rpc_result = tl::expected<rpc_response, rpc_error>;
using rpc_handler = asio::any_completion_handler<void(rpc_result)>;

struct rpc_request {
  native::RequestHeader header; // correlation and client id are set by the connection
  std::vector<std::shared_ptr<const byte_vector>> payload;
  milliseconds timeout{0};      // from the call to the answer, waiting in line and connecting included
  bool answered = true;         // false: complete once it is handed to the socket
};

inline error to_error(const native::Error& from) { return {static_cast<errc>(from.code()), from.message()}; }
inline result<void> to_result(const native::Error& from) {
  if (from.code() == 0)
    return {};
  return tl::unexpected<error>(to_error(from));
}

inline void to_wire(const uuid& from, native::Uuid& to) {
  to.set_high(load_be<std::uint64_t>(reinterpret_cast<const std::byte*>(from.bytes.data())));
  to.set_low(load_be<std::uint64_t>(reinterpret_cast<const std::byte*>(from.bytes.data()) + 8));
}
inline uuid from_wire(const native::Uuid& from) {
  uuid to;
  store_be(reinterpret_cast<std::byte*>(to.bytes.data()), static_cast<std::uint64_t>(from.high()));
  store_be(reinterpret_cast<std::byte*>(to.bytes.data()) + 8, static_cast<std::uint64_t>(from.low()));
  return to;
}

} // namespace cafka::client
