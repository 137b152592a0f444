// Load over Kafka's protocol at next to no cost of its own: batches encoded once, a blocking thread for each connection. Works against any broker.
//   mode=produce  each connection keeps `window` requests in flight, one batch of `records` records in each; records=1 window=1 is the
//                 work of producers that do not batch
//   mode=fetch    each connection reads its partition from the start, again and again, and discards the bytes
// The topic is created by asking for it. Counts what happens in `seconds` after `warm_seconds`; with pid=N the server's CPU time is
// read from /proc. Prints one JSON line.
#include "../limits/kafka_wire.hpp"
#include "net/kafka/messages/fetch.hpp"
#include "net/kafka/messages/list_offsets.hpp"
#include "net/kafka/messages/metadata.hpp"
#include "net/kafka/messages/produce.hpp"
#include "process_cpu.hpp"
#include "storage/record_batch.hpp"

#include <atomic>
#include <thread>

using namespace limits;
using cafka::byte_vector;

namespace {

// All three brokers speak these; topics go by name in them.
constexpr std::int16_t metadata_version = 8, produce_version = 8, fetch_version = 11, list_offsets_version = 3;

struct counted {
  std::uint64_t requests = 0, bytes = 0, records = 0;
  std::vector<std::uint64_t> latencies_ns;
};

std::atomic<bool> is_counting{false}, is_over{false};

[[noreturn]] void refused(const char* what, int code) {
  std::fprintf(stderr, "%s: the broker answers error %d\n", what, code);
  std::exit(1);
}

class connection {
public:
  connection(const arguments& given, std::int32_t partition, long partitions, const byte_vector& batch)
      : topic_(given.text("topic")),
        partition_(partition),
        partitions_(partitions),
        acks_(static_cast<std::int16_t>(given.number("acks"))),
        window_(static_cast<std::size_t>(given.number("window"))),
        records_(static_cast<std::uint64_t>(given.number("records"))),
        fetch_bytes_(static_cast<std::int32_t>(given.number("fetch_bytes"))),
        batch_(batch),
        socket_(connect_to(static_cast<std::uint16_t>(given.number("port")))),
        frames_(socket_) {}
  ~connection() { close(socket_); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  // Until every partition of the topic has a leader that acts as one; asking for a topic creates it. Kafka names a leader some time before it
  // is one: until then it says NOT_LEADER_OR_FOLLOWER.
  void await_topic() {
    for (int tries = 0; tries < 200; ++tries, usleep(50'000)) {
      kafka::metadata_request request;
      request.topics->emplace_back().name = topic_;
      const auto response = ask<kafka::metadata_response>(request, metadata_version);
      const auto& found = response.topics.at(0);
      if (found.error_code == 0 && static_cast<long>(found.partitions.size()) >= partitions_ &&
          std::all_of(found.partitions.begin(), found.partitions.end(), [&](const auto& p) {
            return p.error_code == 0 && p.leader_id >= 0 && ask_earliest(p.partition_index).error_code == 0;
          }))
        return;
    }
    refused("the topic has not come up within 10 s", 0);
  }

  counted produce() {
    counted all;
    byte_vector frame;
    kafka::produce_request request;
    request.acks = acks_;
    request.timeout_ms = 30'000;
    request.topic_data.push_back({topic_, {}, {{partition_, codec::records{batch_}}}});
    append_request(frame, request, produce_version, 0);
    std::vector<std::uint64_t> sent_at(window_);
    std::uint64_t sent = 0, answered = 0;
    kafka::produce_response response;
    auto receive = [&] {
      do {
        read_response(response, produce_version);
        const auto code = response.responses.at(0).partition_responses.at(0).error_code;
        if (code != 0)
          refused("produce", code);
        if (is_counting.load(std::memory_order_relaxed)) {
          ++all.requests;
          all.bytes += batch_.size();
          all.records += records_;
          all.latencies_ns.push_back(now_ns() - sent_at[answered % window_]);
        }
        ++answered;
      } while (frames_.has_frame() && answered < sent);
    };
    while (!is_over) {
      while (sent - answered < window_) {
        sent_at[sent++ % window_] = now_ns();
        if (!send_all(socket_, frame.data(), frame.size()))
          give_up("send");
      }
      receive();
    }
    while (answered < sent)
      receive();
    return all;
  }

  counted fetch() {
    counted all;
    auto offset = earliest();
    kafka::fetch_response_view response;
    while (!is_over) {
      kafka::fetch_request request;
      request.max_wait_ms = 100;
      request.min_bytes = 1;
      request.max_bytes = fetch_bytes_;
      auto& asked = request.topics.emplace_back(kafka::fetch_request::fetch_topic{topic_, {}, {}}).partitions.emplace_back();
      asked.partition = partition_;
      asked.fetch_offset = offset;
      asked.partition_max_bytes = fetch_bytes_;
      const auto asked_at = now_ns();
      ask_into(response, request, fetch_version);
      const auto& found = response.responses.at(0).partitions.at(0);
      if (found.error_code != 0 && found.error_code != 1) // 1: what was to be read has been deleted meanwhile
        refused("fetch", found.error_code);
      const auto bytes = found.records.value_or(codec::records{}).bytes;
      std::uint64_t records = 0;
      const auto next = after(bytes, records);
      if (is_counting.load(std::memory_order_relaxed)) {
        ++all.requests;
        all.bytes += bytes.size();
        all.records += records;
        all.latencies_ns.push_back(now_ns() - asked_at);
      }
      offset = next < 0 ? earliest() : next;
    }
    return all;
  }

private:
  template <class Response>
  void read_response(Response& response, std::int16_t version) {
    const auto frame = frames_.next();
    if (!frame)
      give_up("the broker closed the connection");
    cafka::byte_reader in{*frame};
    if (!codec::decode_from<kafka::response_header>(in, Response::info.flexible.contains(version) ? 1 : 0) ||
        !codec::decode_into(response, in, version))
      give_up("malformed response");
  }
  template <class Response, class Request>
  void ask_into(Response& response, const Request& request, std::int16_t version) {
    request_.clear();
    append_request(request_, request, version, 0);
    if (!send_all(socket_, request_.data(), request_.size()))
      give_up("send");
    read_response(response, version);
  }
  template <class Response, class Request>
  Response ask(const Request& request, std::int16_t version) {
    Response response;
    ask_into(response, request, version);
    return response;
  }

  kafka::list_offsets_response::partition ask_earliest(std::int32_t partition) {
    kafka::list_offsets_request request;
    request.replica_id = -1;
    request.topics.push_back({topic_, {{partition, -1, -2}}});
    return ask<kafka::list_offsets_response>(request, list_offsets_version).topics.at(0).partitions.at(0);
  }

  std::int64_t earliest() {
    const auto found = ask_earliest(partition_);
    if (found.error_code != 0)
      refused("list offsets", found.error_code);
    return found.offset;
  }

  // The offset after the last whole batch; −1: there is none. A fetch may end with a part of one.
  static std::int64_t after(cafka::byte_span bytes, std::uint64_t& records) {
    std::int64_t next = -1;
    while (bytes.size() >= cafka::storage::batch_header_size) {
      const auto size = cafka::storage::batch_prefix_size + cafka::load_be<std::uint32_t>(bytes.data() + 8);
      if (size > bytes.size())
        break;
      next = cafka::load_be<std::int64_t>(bytes.data()) + cafka::load_be<std::int32_t>(bytes.data() + 23) + 1;
      records += cafka::load_be<std::uint32_t>(bytes.data() + 57);
      bytes = bytes.subspan(size);
    }
    return next;
  }

  const std::string& topic_;
  const std::int32_t partition_;
  const long partitions_;
  const std::int16_t acks_;
  const std::size_t window_;
  const std::uint64_t records_;
  const std::int32_t fetch_bytes_;
  const byte_vector& batch_;
  const int socket_;
  frame_reader frames_;
  byte_vector request_;
};

byte_vector encode_batch(long records, long record_bytes) {
  cafka::storage::batch_builder builder;
  const std::string value(static_cast<std::size_t>(record_bytes), 'v');
  for (long i = 0; i < records; ++i)
    builder.add(static_cast<std::int64_t>(time(nullptr)) * 1000, std::nullopt, cafka::as_byte_span(value));
  byte_vector batch;
  if (!builder.build({}, batch))
    give_up("encode batch");
  return batch;
}

} // namespace

int main(int argc, char** argv) {
  const arguments given(argc, argv,
                        {{"mode", "produce"},
                         {"port", "9092"},
                         {"topic", "bench"},
                         {"partitions", "1"},
                         {"connections", "1"},
                         {"window", "8"},
                         {"records", "1000"},
                         {"record_bytes", "100"},
                         {"acks", "-1"},
                         {"fetch_bytes", "1048576"},
                         {"warm_seconds", "1"},
                         {"seconds", "4"},
                         {"pid", "0"}});
  const auto batch = encode_batch(given.number("records"), given.number("record_bytes"));
  const auto connections = given.number("connections"), partitions = given.number("partitions");
  connection{given, 0, partitions, batch}.await_topic();
  std::vector<counted> counts(static_cast<std::size_t>(connections));
  std::vector<std::thread> threads;
  for (long i = 0; i < connections; ++i)
    threads.emplace_back([&, i] {
      connection own{given, static_cast<std::int32_t>(i % partitions), partitions, batch};
      counts[static_cast<std::size_t>(i)] = given.text("mode") == "fetch" ? own.fetch() : own.produce();
    });
  usleep(static_cast<useconds_t>(given.real("warm_seconds") * 1e6));
  const auto pid = given.number("pid");
  const auto cpu_before = pid ? process_cpu_seconds(pid) : 0;
  const auto start = now_ns();
  is_counting = true;
  usleep(static_cast<useconds_t>(given.real("seconds") * 1e6));
  is_counting = false;
  const auto elapsed = static_cast<double>(now_ns() - start) / 1e9;
  const auto cpu = pid ? process_cpu_seconds(pid) - cpu_before : 0;
  is_over = true;
  for (auto& each : threads)
    each.join();
  counted all;
  for (auto& each : counts) {
    all.requests += each.requests;
    all.bytes += each.bytes;
    all.records += each.records;
    all.latencies_ns.insert(all.latencies_ns.end(), each.latencies_ns.begin(), each.latencies_ns.end());
  }
  if (all.requests == 0)
    give_up("nothing was answered");
  std::printf("{\"mb_per_s\": %.1f, \"records_per_s\": %.0f, \"requests_per_s\": %.0f, \"server_cpu_s_per_gb\": %.3f, "
              "\"server_cpu_us_per_request\": %.2f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
              static_cast<double>(all.bytes) / 1e6 / elapsed, static_cast<double>(all.records) / elapsed,
              static_cast<double>(all.requests) / elapsed, cpu / (static_cast<double>(all.bytes) / 1e9),
              cpu * 1e6 / static_cast<double>(all.requests), percentile_us(all.latencies_ns, .5), percentile_us(all.latencies_ns, .99));
}
