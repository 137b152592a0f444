// A native-protocol session: decodes each request once, asks the service, answers in whatever order the answers come.
// Record batches stay spans into the request's frame; fetched ones stay slices of log files.
#pragma once
#include "net/fetch_operation.hpp"
#include "net/native/codec.hpp"
#include "net/session.hpp"

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace cafka::native {
class RequestHeader;
class ResponseHeader;
class ProduceRequest;
class FetchRequest;
} // namespace cafka::native

namespace cafka::net::native {

// What the sessions of one node share.
struct node_context {
  service& node;
  parked_fetches& parked;
};

// Parts a request may have. More than a client sends, few enough that one request cannot fill the memory.
inline constexpr int max_partitions_per_request = 10'000;

class native_session final : public session {
public:
  native_session(session_host& host, node_context with);

  [[nodiscard]] response_order order() const noexcept override { return response_order::as_completed; }
  [[nodiscard]] result<void> handle_frame(std::shared_ptr<frame_buffer> request) override;
  void finish_parked() override;

protected:
  void drop_parked() override;

private:
  friend class produce_reply;
  using request_header = cafka::native::RequestHeader;
  using response_header = cafka::native::ResponseHeader;

  // What an answer needs to find its way.
  struct call {
    request_ticket ticket;
    std::uint64_t correlation_id = 0;
  };
  call begin(const request_header& request, const frame_buffer& frame, std::size_t more_bytes = 0);
  // `fill` is given the response header, correlation id already set.
  template <class Fill>
  void reply(const call& to, Fill&& fill);
  void reply_error(const call& to, errc code, std::string message);
  // The answer to a question that the service answers later: `f` runs here, unless the session is closed by then.
  template <class T, class F>
  completion<T> when_done(F&& f);

  void dispatch(const request_header& request, std::shared_ptr<frame_buffer> frame, mutable_byte_span payload);
  void hello(const request_header& request, const call& to);
  void produce(const request_header& request, std::shared_ptr<frame_buffer> frame, mutable_byte_span payload);
  void fetch(const request_header& request, const frame_buffer& frame);
  void fetched(const call& to, std::vector<fetch_outcome> outcomes);
  void list_offsets(const request_header& request, const call& to);
  void delete_records(const request_header& request, const call& to);
  void metadata(const request_header& request, const call& to);
  void describe_leaders(const call& to, bool all_topics, const std::vector<std::string>& topics);
  void describe_topics(const request_header& request, const call& to);
  void create_topics(const request_header& request, const call& to);
  void delete_topics(const request_header& request, const call& to);
  void create_partitions(const request_header& request, const call& to);
  void alter_configs(const request_header& request, const call& to);
  void describe_configs(const request_header& request, const call& to);
  void describe_log_dirs(const call& to);
  void describe_apis(const call& to);
  void elect_leaders(const request_header& request, const call& to);
  void describe_quorum(const call& to);
  void describe_brokers(const call& to);

  node_context with_;
  bool greeted_ = false;
  std::uint64_t max_fetch_bytes_ = 1; // as told in hello
  std::unordered_map<std::uint64_t, std::shared_ptr<fetch_operation>> fetches_; // by ticket sequence
};

// Whether a connection that begins like this can be a native one. True as long as nothing tells otherwise.
bool speaks_native(byte_span first_bytes) noexcept;
// Decides by the first bytes of such a connection; see protocol_detector.
detection detect(byte_span first_bytes, session_host& host, const node_context& with);

} // namespace cafka::net::native
