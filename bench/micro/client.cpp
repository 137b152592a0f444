// What the client library itself can do, against a mirror: a thread that takes every produce request for written and has a
// ready answer to every fetch. Records of 100 bytes, three partitions. The mirror's share of the processor is counted too.
#include "client/consumer.hpp"
#include "client/producer.hpp"
#include "proto/native.pb.h"
#include "storage/record_batch.hpp"

#include <benchmark/benchmark.h>
#include <boost/asio.hpp>
#include <thread>

namespace {

namespace asio = boost::asio;
using namespace cafka;
using tcp = asio::ip::tcp;

constexpr int partitions = 3;
constexpr std::size_t record_bytes = 100;
constexpr int records_per_batch = 1'000;
constexpr int batches_per_fetch = 8;

byte_vector fetch_payload(client::compression codec) {
  byte_vector payload;
  for (int batch = 0; batch < batches_per_fetch; ++batch) {
    storage::batch_builder builder{static_cast<storage::compression>(codec)};
    std::string value(record_bytes, 'v');
    for (int i = 0; i < records_per_batch; ++i) {
      value.replace(0, 6, std::to_string(100'000 + i)); // something for a codec to do
      builder.add(1'700'000'000'000 + i, std::nullopt, as_byte_span(value));
    }
    if (!builder.build({}, payload))
      std::abort();
  }
  return payload;
}

class mirror {
public:
  explicit mirror(client::compression codec = client::compression::none) : payload_(fetch_payload(codec)) {
    thread_ = std::thread([this] { accept(); });
  }
  ~mirror() {
    boost::system::error_code ignored;
    tcp::socket last{io_};
    last.connect(acceptor_.local_endpoint(), ignored); // says nothing: the end
    last.close(ignored);
    thread_.join();
  }
  std::string bootstrap() const { return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }

private:
  // One client at a time, until it goes; a client that says nothing is the end.
  void accept() {
    while (true) {
      tcp::socket socket{io_};
      acceptor_.accept(socket);
      socket.set_option(tcp::no_delay(true));
      std::array<std::byte, 8> preface;
      boost::system::error_code failure;
      asio::read(socket, asio::buffer(preface), failure);
      if (failure)
        return;
      while (serve(socket)) {
      }
    }
  }

  bool serve(tcp::socket& socket) {
    std::array<std::byte, 8> lengths;
    boost::system::error_code failure;
    asio::read(socket, asio::buffer(lengths), failure);
    if (failure)
      return false;
    body_.resize(load_be<std::uint32_t>(lengths.data()) - 4);
    asio::read(socket, asio::buffer(body_), failure);
    native::RequestHeader request;
    if (failure || !request.ParseFromArray(body_.data(), static_cast<int>(load_be<std::uint32_t>(lengths.data() + 4))))
      return false;
    native::ResponseHeader answer;
    answer.set_correlation_id(request.correlation_id());
    std::vector<asio::const_buffer> pieces(1);
    fill(request, answer, pieces);
    std::size_t size = 4 + answer.ByteSizeLong();
    byte_vector head(4 + size);
    for (const auto& piece : pieces)
      size += piece.size();
    store_be(head.data(), static_cast<std::uint32_t>(size));
    store_be(head.data() + 4, static_cast<std::uint32_t>(head.size() - 8));
    answer.SerializeToArray(head.data() + 8, static_cast<int>(head.size() - 8));
    pieces[0] = asio::buffer(head);
    asio::write(socket, pieces, failure);
    return !failure;
  }

  void fill(const native::RequestHeader& request, native::ResponseHeader& answer, std::vector<asio::const_buffer>& pieces) {
    if (request.has_hello())
      answer.mutable_hello()->set_node_id(1);
    if (request.has_metadata())
      metadata(*answer.mutable_metadata());
    for (const auto& partition : request.produce().partitions())
      answer.mutable_produce()->add_partitions()->set_base_offset(partition.partition());
    for (const auto& partition : request.list_offsets().partitions())
      answer.mutable_list_offsets()->add_partitions()->set_offset(partition.partition() - partition.partition());
    if (request.fetch().partitions_size() == 0)
      return;
    // All offsets are those of the first partition: the others get nothing, so that one payload serves.
    std::int64_t offset = request.fetch().partitions(0).offset();
    for (int i = 0; i < request.fetch().partitions_size(); ++i)
      answer.mutable_fetch()->add_partitions()->set_payload_bytes(i == 0 ? static_cast<std::uint32_t>(payload_.size()) : 0);
    for (mutable_byte_span rest{payload_}; !rest.empty();) {
      const auto header = storage::parse_batch_header(rest).value();
      storage::assign_offset(rest, offset, 0);
      offset += records_per_batch;
      rest = rest.subspan(header.size_bytes());
    }
    pieces.push_back(asio::buffer(payload_));
  }

  void metadata(native::MetadataResponse& answer) const {
    auto* broker = answer.add_brokers();
    broker->set_node_id(1);
    broker->set_host("127.0.0.1");
    broker->set_port(acceptor_.local_endpoint().port());
    auto* topic = answer.add_topics();
    topic->set_name("bench");
    topic->mutable_topic_id()->set_low(1);
    for (int i = 0; i < partitions; ++i) {
      topic->add_partitions()->set_partition(i);
      topic->mutable_partitions(i)->set_leader(1);
    }
  }

  asio::io_context io_;
  tcp::acceptor acceptor_{io_, {asio::ip::address_v4::loopback(), 0}};
  byte_vector payload_;
  byte_vector body_;
  std::thread thread_;
};

void produce(benchmark::State& state) {
  mirror server;
  const auto codec = static_cast<client::compression>(state.range(0));
  const bool with_callback = state.range(1) != 0;
  std::atomic<std::uint64_t> told = 0;
  {
    client::cluster cluster{{.bootstrap_servers = server.bootstrap()}};
    client::producer producer{cluster, {.compression = codec}};
    std::string value(record_bytes, 'v');
    std::uint64_t number = 0;
    for (auto _ : state) {
      value.replace(0, 6, std::to_string(100'000 + number++ % 900'000));
      const client::outgoing_record record{.topic = "bench", .value = value};
      auto sent =
          with_callback ? producer.send(record, [&](client::delivery_result result) { told += result ? 1 : 0; }) : producer.send(record);
      if (!sent)
        state.SkipWithError(sent.error().to_string().c_str());
    }
    if (auto flushed = producer.flush(); !flushed)
      state.SkipWithError(flushed.error().to_string().c_str());
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(record_bytes));
}
BENCHMARK(produce)->ArgNames({"codec", "callback"})->Args({0, 0})->Args({0, 1})->Args({3, 1})->Args({4, 1})->UseRealTime()->MinTime(2);

void consume(benchmark::State& state) {
  mirror server{static_cast<client::compression>(state.range(0))};
  std::int64_t records = 0;
  {
    client::cluster cluster{{.bootstrap_servers = server.bootstrap()}};
    client::consumer consumer{cluster};
    if (auto assigned = consumer.assign({{{"bench", 0}, client::start_position::offset(0)}}); !assigned)
      state.SkipWithError(assigned.error().to_string().c_str());
    for (auto _ : state) {
      auto some = consumer.poll(std::chrono::seconds{5});
      if (!some || some->empty()) {
        state.SkipWithError("nothing came");
        break;
      }
      std::size_t bytes = 0;
      for (const auto& record : *some)
        bytes += record.value->size();
      benchmark::DoNotOptimize(bytes);
      records += static_cast<std::int64_t>(some->size());
    }
  }
  state.SetItemsProcessed(records);
  state.SetBytesProcessed(records * static_cast<std::int64_t>(record_bytes));
}
BENCHMARK(consume)->ArgName("codec")->Arg(0)->Arg(3)->Arg(4)->UseRealTime()->MinTime(2);

} // namespace
