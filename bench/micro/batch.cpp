// What a leader does to each batch before it appends it: checksum, header, the walk over its records.
#include "storage/crc32c.hpp"
#include "storage/record_batch.hpp"

#include <benchmark/benchmark.h>
#include <string>

namespace {

using namespace cafka;
using namespace cafka::storage;

byte_vector batch_of(std::int64_t records, std::int64_t record_bytes, compression codec) {
  batch_builder builder(codec);
  const std::string value(static_cast<std::size_t>(record_bytes), 'v');
  for (std::int64_t i = 0; i < records; ++i)
    builder.add(1'700'000'000'000 + i, std::nullopt, as_byte_span(value));
  byte_vector batch;
  if (!builder.build({}, batch))
    std::abort();
  return batch;
}

void checksum(benchmark::State& state) {
  const byte_vector bytes(static_cast<std::size_t>(state.range(0)), std::byte{7});
  for (auto _ : state)
    benchmark::DoNotOptimize(crc32c(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checksum)->Arg(128)->Arg(1024)->Arg(64 << 10)->Arg(1 << 20);

// Arguments: records, bytes of each.
void check_produced(benchmark::State& state) {
  auto batch = batch_of(state.range(0), state.range(1), compression::none);
  produce_checks checks;
  checks.now_ms = 1'700'000'100'000;
  for (auto _ : state) {
    auto checked = check_produced_batch(batch, checks);
    if (!checked)
      state.SkipWithError(checked.error().to_string().c_str());
    benchmark::DoNotOptimize(checked);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(batch.size()));
}
BENCHMARK(check_produced)->Args({1, 100})->Args({1, 1024})->Args({63, 1024})->Args({1000, 100});

// Argument: codec.
void check_produced_compressed(benchmark::State& state) {
  auto batch = batch_of(1000, 100, static_cast<compression>(state.range(0)));
  produce_checks checks;
  checks.now_ms = 1'700'000'100'000;
  for (auto _ : state) {
    auto checked = check_produced_batch(batch, checks);
    if (!checked)
      state.SkipWithError(checked.error().to_string().c_str());
    benchmark::DoNotOptimize(checked);
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(check_produced_compressed)->DenseRange(1, 4);

// Arguments: records, bytes of each.
void build(benchmark::State& state) {
  const std::string value(static_cast<std::size_t>(state.range(1)), 'v');
  byte_vector batch;
  for (auto _ : state) {
    batch.clear();
    batch_builder builder;
    for (std::int64_t i = 0; i < state.range(0); ++i)
      builder.add(1'700'000'000'000 + i, std::nullopt, as_byte_span(value));
    benchmark::DoNotOptimize(builder.build({}, batch));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(build)->Args({63, 1024})->Args({1000, 100});

} // namespace
