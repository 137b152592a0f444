// A load generator at next to no cost of its own: one thread, batches encoded once, the native protocol by hand.
//   mode=produce  each connection keeps `window` one-batch requests in flight to partitions 0 … partitions−1, in turn
//   mode=fetch    each connection reads its partition from the start, again and again, and discards the bytes
// The topic must exist. With pid=N the server's CPU time is read from /proc. Prints one JSON line.
#include "../limits/limit_tools.hpp"
#include "process_cpu.hpp"
#include "proto/native.pb.h"
#include "storage/record_batch.hpp"

#include <sys/epoll.h>

using namespace limits;
namespace native = cafka::native;

namespace {

template <class Message>
std::string to_frame(const Message& header, std::string_view payload = {}) {
  const auto text = header.SerializeAsString();
  std::string frame(8, '\0');
  cafka::store_be(reinterpret_cast<std::byte*>(frame.data()), static_cast<std::uint32_t>(4 + text.size() + payload.size()));
  cafka::store_be(reinterpret_cast<std::byte*>(frame.data()) + 4, static_cast<std::uint32_t>(text.size()));
  return frame.append(text).append(payload);
}

// Reads one whole response; the payload is discarded.
native::ResponseHeader read_response(int s, std::vector<char>& buffer) {
  char lengths[8];
  native::ResponseHeader header;
  if (!receive_all(s, lengths, sizeof lengths))
    give_up("connection closed by the server");
  const auto total = cafka::load_be<std::uint32_t>(reinterpret_cast<std::byte*>(lengths)) - 4;
  const auto header_bytes = cafka::load_be<std::uint32_t>(reinterpret_cast<std::byte*>(lengths) + 4);
  if (buffer.size() < header_bytes)
    buffer.resize(header_bytes);
  if (!receive_all(s, buffer.data(), header_bytes) || !header.ParseFromArray(buffer.data(), static_cast<int>(header_bytes)))
    give_up("malformed response");
  for (auto left = total - header_bytes; left > 0;) {
    const auto got = recv(s, buffer.data(), std::min<std::size_t>(left, buffer.size()), 0);
    if (got <= 0)
      give_up("connection closed in a payload");
    left -= static_cast<std::uint32_t>(got);
  }
  return header;
}

void refuse_error(const native::Error& error, const char* what) {
  if (error.code() == 0)
    return;
  std::fprintf(stderr, "%s: error %d: %s\n", what, error.code(), error.message().c_str());
  std::exit(1);
}

int open_connection(std::uint16_t port, std::vector<char>& buffer) {
  const int s = connect_to(port);
  send_all(s,
           "\xCA"
           "FKA\0\0\0\1",
           8);
  native::RequestHeader hello;
  hello.mutable_hello()->set_min_version(1);
  hello.mutable_hello()->set_max_version(1);
  const auto frame = to_frame(hello);
  if (!send_all(s, frame.data(), frame.size()))
    give_up("send hello");
  refuse_error(read_response(s, buffer).error(), "hello");
  return s;
}

native::Uuid find_topic(int s, const std::string& name, std::vector<char>& buffer) {
  native::RequestHeader request;
  request.mutable_metadata()->add_topics(name);
  const auto frame = to_frame(request);
  send_all(s, frame.data(), frame.size());
  const auto response = read_response(s, buffer);
  refuse_error(response.error(), "metadata");
  if (response.metadata().topics_size() != 1)
    give_up("metadata named no topic");
  refuse_error(response.metadata().topics(0).error(), "metadata");
  return response.metadata().topics(0).topic_id();
}

std::string encode_batch(long records, long record_bytes) {
  cafka::storage::batch_builder builder;
  const std::string value(static_cast<std::size_t>(record_bytes), 'v');
  for (long i = 0; i < records; ++i)
    builder.add(static_cast<std::int64_t>(time(nullptr)) * 1000, std::nullopt, cafka::as_byte_span(value));
  cafka::byte_vector batch;
  if (!builder.build({}, batch))
    give_up("encode batch");
  return std::string(cafka::as_text(batch));
}

struct outcome {
  std::uint64_t requests = 0;
  std::uint64_t bytes = 0;
  std::vector<std::uint64_t> latencies_ns;
};

struct connection {
  int socket = -1;
  std::uint64_t sent = 0, answered = 0;
  std::vector<std::uint64_t> sent_at;
  std::vector<std::int64_t> offsets; // fetch: by partition
};

class load {
public:
  explicit load(const arguments& given)
      : given_(given),
        window_(static_cast<std::uint64_t>(given.number("window"))),
        buffer_(1u << 20),
        batch_(encode_batch(given.number("records"), given.number("record_bytes"))) {}

  outcome run() {
    const auto port = static_cast<std::uint16_t>(given_.number("port"));
    poller_ = epoll_create1(EPOLL_CLOEXEC);
    for (long i = 0; i < given_.number("connections"); ++i) {
      connection c;
      c.socket = open_connection(port, buffer_);
      c.sent_at.resize(window_);
      c.offsets.resize(static_cast<std::size_t>(given_.number("partitions")));
      epoll_event interest{};
      interest.events = EPOLLIN;
      interest.data.u64 = connections_.size();
      epoll_ctl(poller_, EPOLL_CTL_ADD, c.socket, &interest);
      connections_.push_back(std::move(c));
    }
    topic_id_ = find_topic(connections_[0].socket, given_.text("topic"), buffer_);
    const auto end = now_ns() + static_cast<std::uint64_t>(given_.real("seconds") * 1e9);
    for (auto& c : connections_)
      fill(c);
    bool sending = true;
    while (in_flight_ > 0) {
      epoll_event events[64];
      const int ready = epoll_wait(poller_, events, 64, 5000);
      if (ready <= 0)
        give_up("no answer within 5 s");
      sending = now_ns() < end;
      for (int i = 0; i < ready; ++i) {
        auto& c = connections_[events[i].data.u64];
        receive(c);
        if (sending)
          fill(c);
      }
    }
    return std::move(outcome_);
  }

private:
  void fill(connection& c) {
    std::string out;
    while (c.sent - c.answered < window_) {
      c.sent_at[c.sent % window_] = now_ns();
      out += given_.text("mode") == "fetch" ? fetch_request(c) : produce_request(c);
      ++c.sent;
      ++in_flight_;
    }
    if (!out.empty() && !send_all(c.socket, out.data(), out.size()))
      give_up("send");
  }
  // All connections share the partitions; each begins at another.
  std::int32_t partition_of(const connection& c, std::uint64_t request) const {
    const auto first = static_cast<std::uint64_t>(&c - connections_.data());
    return static_cast<std::int32_t>((first + request) % c.offsets.size());
  }
  std::string produce_request(const connection& c) {
    native::RequestHeader request;
    request.set_correlation_id(c.sent);
    auto* produce = request.mutable_produce();
    produce->set_acks(static_cast<int>(given_.number("acks")));
    produce->set_timeout_ms(30000);
    auto* partition = produce->add_partitions();
    *partition->mutable_topic_id() = topic_id_;
    partition->set_partition(partition_of(c, c.sent));
    partition->set_payload_bytes(static_cast<std::uint32_t>(batch_.size()));
    partition->set_current_leader_epoch(-1);
    return to_frame(request, batch_);
  }
  std::string fetch_request(const connection& c) {
    native::RequestHeader request;
    request.set_correlation_id(c.sent);
    auto* fetch = request.mutable_fetch();
    fetch->set_max_bytes(static_cast<std::uint32_t>(given_.number("fetch_bytes")));
    auto* partition = fetch->add_partitions();
    *partition->mutable_topic_id() = topic_id_;
    partition->set_partition(partition_of(c, 0));
    partition->set_offset(c.offsets[0]);
    partition->set_max_bytes(static_cast<std::uint32_t>(given_.number("fetch_bytes")));
    partition->set_current_leader_epoch(-1);
    return to_frame(request);
  }
  void receive(connection& c) {
    const auto response = read_response(c.socket, buffer_);
    const auto now = now_ns();
    refuse_error(response.error(), "request");
    outcome_.latencies_ns.push_back(now - c.sent_at[response.correlation_id() % window_]);
    ++outcome_.requests;
    ++c.answered;
    --in_flight_;
    for (const auto& produced : response.produce().partitions()) {
      refuse_error(produced.error(), "produce");
      outcome_.bytes += batch_.size();
    }
    for (const auto& fetched : response.fetch().partitions()) {
      refuse_error(fetched.error(), "fetch");
      outcome_.bytes += fetched.payload_bytes();
      // Offsets are dense and every batch has `records` of them; at the end of the log, from the start again.
      const auto batches = static_cast<std::int64_t>(fetched.payload_bytes() / batch_.size());
      c.offsets[0] = batches == 0 ? 0 : c.offsets[0] + batches * given_.number("records");
    }
  }

  const arguments& given_;
  const std::uint64_t window_;
  std::vector<char> buffer_;
  const std::string batch_;
  native::Uuid topic_id_;
  std::vector<connection> connections_;
  int poller_ = -1;
  std::uint64_t in_flight_ = 0;
  outcome outcome_;
};

} // namespace

int main(int argc, char** argv) {
  const arguments given(argc, argv,
                        {{"mode", "produce"},
                         {"port", "9092"},
                         {"topic", "bench"},
                         {"partitions", "1"},
                         {"connections", "1"},
                         {"window", "32"},
                         {"records", "63"},
                         {"record_bytes", "1024"},
                         {"acks", "-1"},
                         {"fetch_bytes", "1048576"},
                         {"seconds", "4"},
                         {"pid", "0"}});
  if (given.text("mode") == "fetch" && given.number("window") != 1) {
    std::fprintf(stderr, "mode=fetch follows offsets, so it needs window=1\n");
    return 2;
  }
  load generator(given);
  const auto pid = given.number("pid");
  const auto cpu_before = pid ? process_cpu_seconds(pid) : 0;
  const auto start = now_ns();
  auto result = generator.run();
  const auto elapsed = static_cast<double>(now_ns() - start) / 1e9;
  const auto server_cpu = pid ? process_cpu_seconds(pid) - cpu_before : 0;
  const auto megabytes = static_cast<double>(result.bytes) / 1e6;
  std::printf("{\"mb_per_s\": %.0f, \"requests_per_s\": %.0f, \"server_cpu_s_per_gb\": %.3f, \"client_cpu_s\": %.2f, \"p50_us\": %.1f, "
              "\"p99_us\": %.1f}\n",
              megabytes / elapsed, static_cast<double>(result.requests) / elapsed, server_cpu / (megabytes / 1e3), cpu_seconds(),
              percentile_us(result.latencies_ns, .5), percentile_us(result.latencies_ns, .99));
}
