#include "net/native/session.hpp"

#include "net/native/wire.hpp"

#include <algorithm>
#include <google/protobuf/stubs/logging.h>
#include <mutex>

namespace cafka::net::native {

namespace {

// The library writes a line to stderr for each malformed string; who sends garbage is logged by us, at a bounded rate.
void silence_protobuf() {
  static std::once_flag once;
  std::call_once(once, [] { google::protobuf::SetLogHandler(nullptr); });
}

} // namespace

bool speaks_native(byte_span first_bytes) noexcept {
  return first_bytes.size() < sizeof preface_magic || load_be<std::uint32_t>(first_bytes.data()) == preface_magic;
}

detection detect(byte_span first_bytes, session_host& host, const node_context& with) {
  if (first_bytes.size() < sizeof preface_magic)
    return {.accepted = {}, .consumed = 0, .needs = sizeof preface_magic, .refused = {}};
  if (first_bytes.size() < preface_size)
    return {.accepted = {}, .consumed = 0, .needs = preface_size, .refused = {}};
  const auto version = load_be<std::uint32_t>(first_bytes.data() + sizeof preface_magic);
  if (version != protocol_version)
    return {
        .accepted = {}, .consumed = 0, .needs = 0, .refused = "native protocol " + std::to_string(version) + " is not spoken here, only 1"};
  return {.accepted = std::make_shared<native_session>(host, with), .consumed = preface_size, .needs = 0, .refused = {}};
}

native_session::native_session(session_host& host, node_context with) : session(host), with_(with) { silence_protobuf(); }

result<void> native_session::handle_frame(std::shared_ptr<frame_buffer> request) {
  auto parts = split_frame(request->bytes());
  if (!parts)
    return tl::unexpected(std::move(parts.error()));
  message_arena arena;
  auto& header = arena.make<wire::RequestHeader>();
  if (!header.ParseFromArray(parts->header.data(), static_cast<int>(parts->header.size())))
    return fail(errc::invalid_request, "a request header that is not Protobuf");
  dispatch(header, std::move(request), parts->payload);
  return {};
}

void native_session::dispatch(const request_header& request, std::shared_ptr<frame_buffer> frame, mutable_byte_span payload) {
  const auto kind = request.request_case();
  if (!greeted_ && kind != wire::RequestHeader::kHello && kind != wire::RequestHeader::REQUEST_NOT_SET)
    return reply_error(begin(request, *frame), errc::invalid_request, "the first request of a connection is hello");
  // These two decide themselves what is in flight for how long.
  if (kind == wire::RequestHeader::kProduce)
    return produce(request, std::move(frame), payload);
  if (kind == wire::RequestHeader::kFetch)
    return fetch(request, *frame);
  const auto to = begin(request, *frame);
  switch (kind) {
  case wire::RequestHeader::kHello: return hello(request, to);
  case wire::RequestHeader::kMetadata: return metadata(request, to);
  case wire::RequestHeader::kListOffsets: return list_offsets(request, to);
  case wire::RequestHeader::kDeleteRecords: return delete_records(request, to);
  case wire::RequestHeader::kCreateTopics: return create_topics(request, to);
  case wire::RequestHeader::kDeleteTopics: return delete_topics(request, to);
  case wire::RequestHeader::kCreatePartitions: return create_partitions(request, to);
  case wire::RequestHeader::kDescribeTopics: return describe_topics(request, to);
  case wire::RequestHeader::kAlterConfigs: return alter_configs(request, to);
  case wire::RequestHeader::kDescribeConfigs: return describe_configs(request, to);
  case wire::RequestHeader::kDescribeLogDirs: return describe_log_dirs(to);
  case wire::RequestHeader::kDescribeApis: return describe_apis(to);
  case wire::RequestHeader::kElectLeaders: return elect_leaders(request, to);
  case wire::RequestHeader::kDescribeQuorum: return describe_quorum(to);
  case wire::RequestHeader::kDescribeBrokers: return describe_brokers(to);
  case wire::RequestHeader::kProduce:
  case wire::RequestHeader::kFetch:
  case wire::RequestHeader::REQUEST_NOT_SET: break;
  }
  reply_error(to, errc::unsupported_version, "this server does not know that request");
}

native_session::call native_session::begin(const request_header& request, const frame_buffer& frame, std::size_t more_bytes) {
  return {host().begin_request(frame.capacity() + more_bytes), request.correlation_id()};
}

void native_session::reply_error(const call& to, errc code, std::string message) {
  reply(to, [&](wire::ResponseHeader& header) { set_error(header, code, std::move(message)); });
}

void native_session::hello(const request_header& request, const call& to) {
  const auto& asked = request.hello();
  if (asked.min_version() > protocol_version || asked.max_version() < protocol_version)
    return reply_error(to, errc::unsupported_version,
                       "this server speaks version 1, the client " + std::to_string(asked.min_version()) + " to " +
                           std::to_string(asked.max_version()));
  greeted_ = true;
  const auto node = with_.node.describe_node();
  max_fetch_bytes_ = static_cast<std::uint64_t>(std::max<std::int64_t>(node.max_fetch_bytes, 1));
  reply(to, [&](wire::ResponseHeader& header) {
    auto& answer = *header.mutable_hello();
    answer.set_version(protocol_version);
    answer.set_node_id(node.id);
    answer.set_cluster_id(node.cluster_id);
    answer.set_server_software("cafka " + node.version);
    answer.set_max_frame_bytes(node.max_frame_bytes);
    answer.set_max_message_bytes(node.max_message_bytes);
    answer.set_max_fetch_bytes(node.max_fetch_bytes);
  });
}

void native_session::finish_parked() {
  auto parked = fetches_; // finishing takes each out of the map
  for (auto& [sequence, operation] : parked)
    operation->finish();
}

void native_session::drop_parked() {
  for (auto& [sequence, operation] : std::exchange(fetches_, {}))
    operation->cancel();
}

} // namespace cafka::net::native
