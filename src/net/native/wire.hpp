// The generated messages under a name of their own here, their plain conversions, and how a session puts a reply together.
#pragma once
#include "base/error.hpp"
#include "base/uuid.hpp"
#include "net/native/session.hpp"
#include "proto/native.pb.h"

#include <google/protobuf/arena.h>
#include <string>
#include <utility>

namespace cafka::net::native {

namespace wire = cafka::native;

inline uuid to_uuid(const wire::Uuid& from) noexcept {
  uuid id;
  auto* bytes = reinterpret_cast<std::byte*>(id.bytes.data());
  store_be(bytes, from.high());
  store_be(bytes + 8, from.low());
  return id;
}

inline void set_uuid(wire::Uuid& to, const uuid& id) noexcept {
  const auto* bytes = reinterpret_cast<const std::byte*>(id.bytes.data());
  to.set_high(load_be<std::uint64_t>(bytes));
  to.set_low(load_be<std::uint64_t>(bytes + 8));
}

// Success is an absent message: it costs no bytes. `Message` has a field `Error error`.
template <class Message>
void set_error(Message& to, errc code, std::string message) {
  if (code == errc::none)
    return;
  const auto shown = to_wire(code);
  to.mutable_error()->set_code(static_cast<std::int32_t>(shown));
  to.mutable_error()->set_message(message.empty() ? std::string(to_string(shown)) : std::move(message));
}
template <class Message>
void set_error(Message& to, const error& why) {
  set_error(to, why.code, why.detail);
}

// An arena whose first bytes are on the stack: most requests and replies need no other memory.
class message_arena {
public:
  message_arena() : arena_(first_block_, sizeof first_block_) {}
  template <class Message>
  Message& make() {
    return *google::protobuf::Arena::CreateMessage<Message>(&arena_);
  }

private:
  alignas(8) char first_block_[4096];
  google::protobuf::Arena arena_;
};

template <class Fill>
void native_session::reply(const call& to, Fill&& fill) {
  message_arena arena;
  auto& header = arena.make<wire::ResponseHeader>();
  header.set_correlation_id(to.correlation_id);
  std::forward<Fill>(fill)(header);
  host().respond(to.ticket, encode_frame(header, 0));
}

template <class T, class F>
completion<T> native_session::when_done(F&& f) {
  auto self = std::static_pointer_cast<native_session>(shared_from_this());
  return [self, f = std::forward<F>(f)](result<T> answer) {
    self->loop().dispatch([self, f, answer = std::move(answer)]() mutable { self->enter([&] { f(std::move(answer)); }); });
  };
}

} // namespace cafka::net::native
