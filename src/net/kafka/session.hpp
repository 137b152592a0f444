// A session of Kafka's protocol: reads a request's header, finds the handler of its API in one table, answers in the order of asking.
// Several requests of a connection are worked on at once; the connection keeps the order of the responses.
// A handler is a function `answer(session, request, call)`; see handlers.hpp for how to add one.
#pragma once
#include "net/fetch_operation.hpp"
#include "net/gather.hpp"
#include "net/kafka/encode.hpp"
#include "net/kafka/fetch_sessions.hpp"
#include "net/session.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>
#include <unordered_map>

namespace cafka::net::kafka {

// What the sessions of one node share.
struct node_context {
  service& node;
  parked_fetches& parked;
  fetch_session_cache& fetch_sessions;
  bool auto_create_topics = true; // auto.create.topics.enable
};

// What arrays of one request may take in memory once decoded, and how many partitions a request may name: more than clients send, few enough
// that one request cannot fill the memory.
inline constexpr std::size_t max_decoded_bytes = 16 << 20;
inline constexpr std::size_t max_partitions_per_request = 50'000;
// Longer waits than any client means; keeps deadlines far from overflow.
inline constexpr std::int32_t longest_wait_ms = 3'600'000;

// What an answer needs to find its way.
struct call {
  request_ticket ticket;
  std::int32_t correlation_id = 0;
  std::int16_t version = 0;
  std::int16_t header_version = 0; // of the response
};

// A request before its body is decoded.
struct incoming {
  const api& of;
  std::int16_t version = 0;
  std::int32_t correlation_id = 0;
  std::string_view client_id; // into `frame`, as are all views of the decoded body
  byte_span body;
  std::shared_ptr<frame_buffer> frame;
};

class kafka_session final : public session {
public:
  kafka_session(session_host& host, const node_context& with)
      : session(host),
        with_(with),
        max_fetch_bytes_(static_cast<std::uint64_t>(std::max<std::int64_t>(node().describe_node().max_fetch_bytes, 1))) {}

  [[nodiscard]] response_order order() const noexcept override { return response_order::as_requested; }
  [[nodiscard]] result<void> handle_frame(std::shared_ptr<frame_buffer> request) override;
  void finish_parked() override;

  // For handlers.
  using session::host;
  [[nodiscard]] const node_context& context() const noexcept { return with_; }
  [[nodiscard]] service& node() const noexcept { return with_.node; }
  [[nodiscard]] std::uint64_t max_fetch_bytes() const noexcept { return max_fetch_bytes_; } // asked once: the node's description holds text
  [[nodiscard]] std::shared_ptr<kafka_session> self() { return std::static_pointer_cast<kafka_session>(shared_from_this()); }

  // From here on the request is in flight: exactly one reply follows. `more_bytes`: what it holds besides its frame.
  call begin(const incoming& request, std::size_t more_bytes = 0);
  template <codec::message Response>
  void reply(const call& to, const Response& response) {
    host().respond(to.ticket, encode_response(response, to.correlation_id, to.header_version, to.version));
  }
  // The answer to a question that the service answers later: `f(result<T>)` runs here, unless the session is closed by then.
  // The frame may be gone by then: nothing that `f` holds may be a view of the request.
  template <class T, class F>
  completion<T> when_done(F&& f);
  // The same for the answers to `count` questions, all together: `f(std::vector<result<T>>)`.
  template <class T, class F>
  std::shared_ptr<gather<T>> when_all_done(std::size_t count, F&& f);

  // Long polls, by the sequence of their ticket.
  void add_fetch(const call& to, std::shared_ptr<fetch_operation> operation) { fetches_.emplace(to.ticket.sequence, std::move(operation)); }
  // No fetch may wait any more.
  [[nodiscard]] bool is_finishing() const noexcept { return finishing_; }
  // Of a broker that was fenced lately, and that this client was not yet told of since; see metadata/failover_watch.hpp.
  bool tells_once_more(node_id fenced);
  void remove_fetch(const call& to) { fetches_.erase(to.ticket.sequence); }

protected:
  void drop_parked() override;

private:
  const node_context& with_;
  const std::uint64_t max_fetch_bytes_;
  bool finishing_ = false;
  std::map<node_id, std::int64_t> told_of_fenced_; // and on which occasion
  std::unordered_map<std::uint64_t, std::shared_ptr<fetch_operation>> fetches_;
};

template <class T, class F>
completion<T> kafka_session::when_done(F&& f) {
  return [self = self(), f = std::forward<F>(f)](result<T> answer) {
    self->loop().dispatch([self, f, answer = std::move(answer)]() mutable { self->enter([&] { f(std::move(answer)); }); });
  };
}

template <class T, class F>
std::shared_ptr<gather<T>> kafka_session::when_all_done(std::size_t count, F&& f) {
  return std::make_shared<gather<T>>(loop(), count, [self = self(), f = std::forward<F>(f)](std::vector<result<T>> answers) mutable {
    self->enter([&] { f(std::move(answers)); });
  });
}

// Decides by the first bytes of a connection, a frame's length; see protocol_detector. `with` outlives the session.
detection detect(byte_span first_bytes, session_host& host, const node_context& with, std::uint32_t max_frame_bytes);

} // namespace cafka::net::kafka
