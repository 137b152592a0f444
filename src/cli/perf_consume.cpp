// `cafka perf consume`: reads a topic from the beginning as fast as the client does.
#include "cli/interrupt.hpp"
#include "cli/output.hpp"
#include "cli/perf.hpp"
#include "cli/perf_meter.hpp"
#include "client/consumer.hpp"

#include <map>

namespace cafka::cli {

namespace {

class reader {
public:
  reader(const perf_consume_options& given, client::consumer& consumer, perf_clock::time_point start)
      : given_(given), consumer_(consumer), last_record_(start), meter_(start) {}

  result<void> note_ends(std::int32_t partition_count) {
    std::vector<topic_partition> all;
    all.reserve(static_cast<std::size_t>(partition_count));
    for (std::int32_t partition = 0; partition < partition_count; ++partition)
      all.push_back({given_.topic, partition});
    CAFKA_TRY_ASSIGN(ends, consumer_.end_offsets(all));
    for (std::size_t i = 0; i < all.size(); ++i)
      ends_[all[i]] = ends[i];
    return {};
  }

  int execute() {
    auto waiting_since = perf_clock::now();
    while (!is_done()) {
      if (interrupt_guard::requested())
        return finish(interrupted);
      const auto polled = consumer_.poll(client::milliseconds{200}); // short, so that Ctrl-C is soon seen
      const auto now = perf_clock::now();
      if (!polled) {
        finish(failure);
        return report(polled.error());
      }
      count(*polled, now);
      if (!polled->empty())
        waiting_since = now;
      if (const auto interval = meter_.take_interval(now))
        say(read_line(*interval));
      if (!out_.ok())
        return out_.failure_code();
      if (now - waiting_since >= client::milliseconds{given_.connect.timeout_ms}) {
        finish(failure);
        return report(why_nothing_came());
      }
    }
    return finish(success);
  }

private:
  void count(const client::records& polled, perf_clock::time_point now) {
    for (const auto& record : polled) {
      if (given_.records == read_)
        return;
      ++read_;
      last_record_ = now;
      meter_.add((record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0));
    }
  }

  bool is_done() {
    if (given_.records)
      return read_ >= *given_.records;
    std::erase_if(ends_, [&](const auto& one) {
      const auto position = consumer_.position(one.first);
      return !position || *position >= one.second;
    });
    return ends_.empty();
  }

  [[nodiscard]] std::string why_nothing_came() const {
    const auto trouble = consumer_.trouble();
    return "no further record within " + std::to_string(given_.connect.timeout_ms) + " ms, after " + std::to_string(read_) +
           (given_.records ? " of " + std::to_string(*given_.records) : std::string{}) +
           (trouble          ? ": " + trouble->to_string()
            : given_.records ? "; --records asks for more than the topic has"
                             : "");
  }

  void say(std::string_view line) {
    out_.write(line);
    out_.flush(); // somebody watches
  }

  int finish(int code) {
    say(read_line(meter_.total(last_record_)));
    return out_.ok() ? code : out_.failure_code();
  }

  const perf_consume_options& given_;
  client::consumer& consumer_;
  perf_clock::time_point last_record_; // what was waited for after it does not count
  perf_meter meter_;
  output out_;
  std::uint64_t read_ = 0;
  std::map<topic_partition, std::int64_t> ends_; // of partitions not read to their end yet
};

} // namespace

int perf_consume(const perf_consume_options& given) {
  interrupt_guard signals;
  auto where = signals.without_signals([&] { return client::cluster{given.connect.cluster("cafka-perf")}; });
  const auto details = client::admin{where}.describe_topics({given.topic});
  if (!details)
    return report(details.error());
  if (details->empty() || !details->front().topic)
    return report("topic " + given.topic + ": " +
                  (details->empty() ? "the cluster did not answer about it" : explain(details->front().topic.error())));
  client::consumer consumer{where};
  reader reading{given, consumer, perf_clock::now()};
  if (!given.records)
    if (auto noted = reading.note_ends(static_cast<std::int32_t>(details->front().topic->partitions.size())); !noted)
      return report(noted.error());
  if (auto assigned = consumer.assign_topic(given.topic); !assigned)
    return report(assigned.error());
  return reading.execute();
}

} // namespace cafka::cli
