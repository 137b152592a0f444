// Reading the two requests that matter and writing their responses. Argument: partitions, all of one topic.
#include "net/kafka/messages/fetch.hpp"
#include "net/kafka/messages/produce.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace cafka;
using namespace cafka::net::kafka;

template <class T>
void read_message(benchmark::State& state, const T& message, std::int16_t version) {
  byte_vector bytes;
  codec::encode(message, version, bytes);
  T kept;
  for (auto _ : state) {
    byte_reader in{bytes};
    if (!codec::decode_into(kept, in, version))
      state.SkipWithError("malformed");
    benchmark::DoNotOptimize(kept);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

template <class T>
void write_message(benchmark::State& state, const T& message, std::int16_t version) {
  for (auto _ : state) {
    byte_vector bytes;
    codec::encode(message, version, bytes);
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void read_produce(benchmark::State& state) {
  static const std::string batch(1024, 'b');
  produce_request request;
  request.topic_data.emplace_back().name = "orders";
  for (std::int32_t i = 0; i < state.range(0); ++i)
    request.topic_data[0].partition_data.push_back({i, codec::records{as_byte_span(batch)}});
  read_message(state, request, 12);
}
BENCHMARK(read_produce)->Arg(1)->Arg(10)->Arg(1000);

void write_produce(benchmark::State& state) {
  produce_response response;
  response.responses.emplace_back().name = "orders";
  response.responses[0].partition_responses.resize(static_cast<std::size_t>(state.range(0)));
  write_message(state, response, 12);
}
BENCHMARK(write_produce)->Arg(1)->Arg(10)->Arg(1000);

void read_fetch(benchmark::State& state) {
  fetch_request request;
  request.topics.emplace_back().topic = "orders";
  request.topics[0].partitions.resize(static_cast<std::size_t>(state.range(0)));
  read_message(state, request, 17);
}
BENCHMARK(read_fetch)->Arg(1)->Arg(10)->Arg(1000);

void write_fetch(benchmark::State& state) {
  fetch_response response;
  response.responses.emplace_back().topic = "orders";
  response.responses[0].partitions.resize(static_cast<std::size_t>(state.range(0)));
  for (auto& partition : response.responses[0].partitions)
    partition.records.size_bytes = 1024;
  write_message(state, response, 17);
}
BENCHMARK(write_fetch)->Arg(1)->Arg(10)->Arg(1000);

} // namespace
