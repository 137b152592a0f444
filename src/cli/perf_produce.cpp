// `cafka perf produce`: one thread sends when a record is due and prints; the cluster's thread counts what was acknowledged.
#include "cli/delivery_tally.hpp"
#include "cli/interrupt.hpp"
#include "cli/output.hpp"
#include "cli/perf.hpp"
#include "cli/perf_meter.hpp"
#include "cli/perf_payload.hpp"
#include "cli/record_format.hpp"
#include "client/producer.hpp"

#include <algorithm>
#include <future>
#include <memory>
#include <mutex>
#include <poll.h>

namespace cafka::cli {

namespace {

using std::chrono::nanoseconds;

constexpr std::size_t max_value_bytes = 8 * 1024 * 1024;
constexpr std::chrono::milliseconds blind_wait{100}; // for what Ctrl-C does not wake

// What was acknowledged, in the whole run and after the warm-up.
struct measurement {
  explicit measurement(perf_clock::time_point start) : whole(start) {}

  void add(std::uint64_t number, std::uint64_t bytes, perf_clock::time_point sent_at) {
    const auto latency = perf_clock::now() - sent_at;
    const std::lock_guard hold{mutex};
    whole.add(bytes, latency);
    if (steady && number > warmup_records)
      steady->add(bytes, latency);
  }

  std::mutex mutex;
  perf_meter whole;
  std::optional<perf_meter> steady;
  std::uint64_t warmup_records = 0;
};

class sender {
public:
  sender(const perf_produce_options& given, perf_payload payload, client::producer& producer)
      : given_(given),
        payload_(std::move(payload)),
        producer_(producer),
        start_(perf_clock::now()),
        pacer_(given.throughput, start_),
        measured_(std::make_shared<measurement>(start_)),
        counts_(std::make_shared<delivery_tally>()),
        next_line_(measured_->whole.next_line()) {}

  int execute() {
    if (given_.warmup_records != 0)
      say("Warmup first " + std::to_string(given_.warmup_records) +
          " records. Steady state results follow the results of the whole run.\n");
    const auto input = send_all();
    wait_for_acknowledgements();
    const auto statistics = producer_.statistics();
    say_totals();
    if (given_.print_metrics)
      say_metrics(statistics);
    const int code = report_deliveries(*counts_, input, sent_);
    return out_.ok() || code != success ? code : out_.failure_code();
  }

private:
  [[nodiscard]] bool must_stop() const { return counts_->failed() || interrupt_guard::requested() || !out_.ok(); }

  // Until all are sent, one fails, or an interrupt. An error is about a record that the client would not take.
  result<void> send_all() {
    while (sent_ < given_.records && !must_stop()) {
      const auto now = perf_clock::now();
      tick(now);
      if (const auto wait = pacer_.wait(sent_, now); wait > nanoseconds{0})
        pause(std::min<nanoseconds>(wait, next_line_ - now));
      else
        CAFKA_TRY(send_one(now));
    }
    return {};
  }

  result<void> send_one(perf_clock::time_point now) {
    const auto value = payload_.next();
    const auto number = sent_ + 1;
    if (given_.warmup_records != 0 && sent_ == given_.warmup_records) {
      const std::lock_guard hold{measured_->mutex};
      measured_->warmup_records = given_.warmup_records;
      measured_->steady.emplace(now);
    }
    client::outgoing_record record;
    record.topic = given_.topic;
    record.value = value;
    const auto settle = [counts = counts_, measured = measured_, number, now,
                         bytes = value.size()](const client::delivery_result& outcome) {
      counts->settle(outcome, number);
      if (outcome)
        measured->add(number, bytes, now);
    };
    for (;;) {
      const auto taken = producer_.try_send(record, settle);
      if (taken) {
        ++sent_;
        return {};
      }
      if (taken.error().code != errc::too_many_requests)
        return fail(taken.error().code, "record " + std::to_string(number) + ": " + taken.error().detail);
      if (!wait_for([&](auto done) { producer_.async_wait_for_room(std::move(done)); }, [this] { return must_stop(); }))
        return {};
    }
  }

  void wait_for_acknowledgements() {
    const auto give_up = perf_clock::now() + producer_.config().delivery_timeout + std::chrono::seconds{1};
    wait_for([&](auto done) { producer_.async_flush(std::move(done)); }, [&] { return perf_clock::now() >= give_up; });
    producer_.close(client::milliseconds{1'000});
  }

  // Starts something of the producer's and keeps printing until it is done; false if `enough` ended the wait.
  template <class Start, class Enough>
  bool wait_for(Start start, Enough enough) {
    auto told = std::make_shared<std::promise<void>>();
    const auto done = told->get_future();
    start([told](const result<void>&) { told->set_value(); });
    while (done.wait_until(std::min(perf_clock::now() + blind_wait, next_line_)) != std::future_status::ready) {
      tick(perf_clock::now());
      if (enough())
        return false;
    }
    return true;
  }

  static void pause(nanoseconds time) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
    const timespec length{seconds.count(), (time - seconds).count()};
    pollfd interrupt{interrupt_guard::descriptor(), POLLIN, 0};
    ::ppoll(&interrupt, 1, &length, nullptr);
  }

  void tick(perf_clock::time_point now) {
    if (now < next_line_)
      return;
    std::optional<perf_sums> interval;
    {
      const std::lock_guard hold{measured_->mutex};
      interval = measured_->whole.take_interval(now);
      next_line_ = measured_->whole.next_line();
    }
    if (interval)
      say(sent_line(*interval));
  }

  void say(std::string_view line) {
    out_.write(line);
    out_.flush(); // somebody watches
  }

  void say_totals() {
    const auto now = perf_clock::now();
    const std::lock_guard hold{measured_->mutex};
    say(sent_total_line(measured_->whole.total(now), measured_->whole.latencies()));
    if (const auto& steady = measured_->steady)
      say(sent_total_line(steady->total(now), steady->latencies(), " steady state"));
  }

  void say_metrics(const client::producer_statistics& counted) {
    const auto per_batch =
        counted.batches_sent == 0 ? 0 : static_cast<double>(counted.bytes_sent) / static_cast<double>(counted.batches_sent);
    for (const auto& [name, value] : std::initializer_list<std::pair<const char*, std::uint64_t>>{
             {"records accepted", counted.records_accepted},
             {"records delivered", counted.records_delivered},
             {"records failed", counted.records_failed},
             {"batches sent", counted.batches_sent},
             {"batches sent again", counted.batches_retried},
             {"bytes of batches sent", counted.bytes_sent},
             {"bytes per batch", static_cast<std::uint64_t>(per_batch)},
         })
      out_.write(std::string{name} + ": " + std::to_string(value) + '\n');
    out_.flush();
  }

  const perf_produce_options& given_;
  perf_payload payload_;
  client::producer& producer_;
  perf_clock::time_point start_;
  pacer pacer_;
  std::shared_ptr<measurement> measured_;
  std::shared_ptr<delivery_tally> counts_;
  perf_clock::time_point next_line_;
  output out_;
  std::uint64_t sent_ = 0; // to the producer
};

result<perf_payload> make_payload(const perf_produce_options& given) {
  if (given.warmup_records >= given.records)
    return fail(errc::bad_argument, "--warmup-records: expected less than --records, so that something is left to measure");
  if (given.payload_file) {
    CAFKA_TRY_ASSIGN(delimiter, unescape(given.delimiter));
    if (delimiter.empty())
      return fail(errc::bad_argument, "--delimiter: expected at least one byte");
    return perf_payload::pieces_of(*given.payload_file, delimiter, max_value_bytes);
  }
  if (!given.record_bytes)
    return fail(errc::bad_argument, "perf produce: expected --record-bytes or --payload-file");
  if (*given.record_bytes > max_value_bytes)
    return fail(errc::bad_argument, "--record-bytes: at most " + std::to_string(max_value_bytes));
  return perf_payload::letters(*given.record_bytes);
}

client::producer_config producer_config_of(const perf_produce_options& given, std::size_t longest) {
  client::producer_config config;
  config.acks = given.acks == "0" ? client::acks::none : given.acks == "1" ? client::acks::leader : client::acks::all;
  config.compression = *client::parse_compression(given.compression); // the parser has checked it
  config.linger = client::milliseconds{given.linger_ms};
  config.batch_size_bytes = given.batch_bytes;
  config.max_request_bytes = std::max(config.max_request_bytes, longest + 64 * 1024);
  config.buffer_memory_bytes = std::max(config.buffer_memory_bytes, 2 * config.max_request_bytes);
  return config;
}

} // namespace

int perf_produce(const perf_produce_options& given) {
  interrupt_guard signals;
  auto payload = make_payload(given);
  if (!payload)
    return report(payload.error(), usage);
  auto where = signals.without_signals([&] { return client::cluster{given.connect.cluster("cafka-perf")}; });
  const auto details = client::admin{where}.describe_topics({given.topic});
  if (!details)
    return report(details.error());
  // Not created: a topic of the defaults is seldom what is to be measured.
  if (!details->empty() && !details->front().topic)
    return report("topic " + given.topic + ": " + details->front().topic.error().to_string() + " (`cafka topic create` makes one)");
  client::producer producer{where, producer_config_of(given, payload->longest())};
  return sender{given, std::move(*payload), producer}.execute();
}

} // namespace cafka::cli
