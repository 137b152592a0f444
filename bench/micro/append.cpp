// The append path below the actor: offsets into the header, one write into the page cache, the index entry. Data in /dev/shm, cut back as it grows.
#include "storage/partition_log.hpp"

#include <benchmark/benchmark.h>
#include <filesystem>
#include <string>
#include <unistd.h>

namespace {

using namespace cafka;
using namespace cafka::storage;

constexpr std::int64_t now_ms = 1'700'000'000'000;

class scratch_log {
public:
  scratch_log() : directory_("/dev/shm/cafka-micro-append." + std::to_string(getpid())) {
    log_open_options options;
    options.name = {"bench", 0};
    options.config.segment_bytes = 64 << 20;
    options.config.file_delete_delay_ms = 0;
    options.now_ms = now_ms;
    log_ = std::move(partition_log::open(pool_, directory_ + "/bench-0", options).value());
  }
  ~scratch_log() {
    log_.reset();
    std::filesystem::remove_all(directory_);
  }
  scratch_log(const scratch_log&) = delete;
  scratch_log& operator=(const scratch_log&) = delete;

  partition_log& operator*() { return *log_; }
  // Keeps the last segments only, so that a long run does not fill the memory.
  void cut_back() {
    log_->mark_flushed(log_->log_end_offset());
    if (log_->size_bytes() < (256u << 20))
      return;
    (void)log_->advance_log_start_offset(log_->log_end_offset(), now_ms);
    for (const auto& file : log_->take_deletable_files(now_ms + 1))
      (void)pool_.files().remove(file);
  }

private:
  std::string directory_;
  file_pool pool_{posix_file_system(), 64};
  std::unique_ptr<partition_log> log_;
};

// Arguments: records, bytes of each.
void append(benchmark::State& state) {
  scratch_log log;
  batch_builder builder;
  const std::string value(static_cast<std::size_t>(state.range(1)), 'v');
  for (std::int64_t i = 0; i < state.range(0); ++i)
    builder.add(now_ms, std::nullopt, as_byte_span(value));
  byte_vector batch;
  if (!builder.build({}, batch))
    std::abort();
  for (auto _ : state) {
    assign_offset(batch, (*log).log_end_offset(), 1);
    const auto header = parse_batch_header(batch);
    if (auto done = (*log).append(*header, batch, now_ms); !done) {
      state.SkipWithError(done.error().to_string().c_str());
      break;
    }
    log.cut_back();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(batch.size()));
}
BENCHMARK(append)->Args({1, 100})->Args({1, 1024})->Args({16, 1024})->Args({63, 1024})->Args({1000, 1024});

// A fetch of the hot tail: find the batch, bound the slice. Argument: bytes asked for.
void read_slice(benchmark::State& state) {
  scratch_log log;
  batch_builder builder;
  const std::string value(1024, 'v');
  for (int i = 0; i < 16; ++i)
    builder.add(now_ms, std::nullopt, as_byte_span(value));
  byte_vector batch;
  if (!builder.build({}, batch))
    std::abort();
  for (int i = 0; i < 2000; ++i) {
    assign_offset(batch, (*log).log_end_offset(), 1);
    (void)(*log).append(*parse_batch_header(batch), batch, now_ms);
  }
  std::int64_t offset = 0;
  read_limits limits;
  limits.max_bytes = static_cast<std::uint32_t>(state.range(0));
  for (auto _ : state) {
    auto outcome = (*log).read(offset, limits);
    if (!outcome) {
      state.SkipWithError(outcome.error().to_string().c_str());
      break;
    }
    offset = outcome->next_offset >= (*log).log_end_offset() ? 0 : outcome->next_offset;
  }
}
BENCHMARK(read_slice)->Arg(16 << 10)->Arg(1 << 20);

} // namespace
