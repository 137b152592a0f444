// What a user of librdkafka gets from a broker. Works against any broker; the topic is created by asking for it.
//   mode=latency  `rate` records a second, each sent when it is due whatever became of those before it, and consumed in the same process: the time
//                 from when it was due until it is acknowledged, and until the consumer has it. A fifth of `seconds` warms up.
//   mode=produce  records as fast as librdkafka takes them, until all are acknowledged
//   mode=consume  reads `seconds` long from the start of partition 0, again from the start at its end
// With pid=N the server's CPU time is read from /proc. Prints one JSON line.
#include "../limits/limit_tools.hpp"
#include "process_cpu.hpp"

#include <atomic>
#include <librdkafka/rdkafka.h>
#include <thread>

using namespace limits;

namespace {

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

struct configuration {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  void set(const char* name, const std::string& value) {
    char why[512];
    if (rd_kafka_conf_set(conf, name, value.c_str(), why, sizeof why) != RD_KAFKA_CONF_OK)
      fail(why);
  }
};

// One client with its one topic, until the end of the process.
class client {
public:
  client(rd_kafka_type_t type, configuration with, const std::string& topic) {
    char why[512];
    handle_ = rd_kafka_new(type, with.conf, why, sizeof why);
    if (!handle_)
      fail(why);
    topic_ = rd_kafka_topic_new(handle_, topic.c_str(), nullptr);
  }
  [[nodiscard]] rd_kafka_t* handle() const { return handle_; }
  [[nodiscard]] rd_kafka_topic_t* topic() const { return topic_; }

private:
  rd_kafka_t* handle_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
};

std::uint64_t count_from_ns = 0; // records due before it only warm up
std::vector<std::uint64_t> acknowledged_after_ns;
std::atomic<std::uint64_t> delivered{0}, lost{0};

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  if (message->err) {
    ++lost;
    return;
  }
  std::uint64_t due = 0;
  if (message->len >= sizeof due)
    std::memcpy(&due, message->payload, sizeof due);
  if (due > count_from_ns && count_from_ns != 0)
    acknowledged_after_ns.push_back(now_ns() - due);
  ++delivered;
}

configuration common(const arguments& given) {
  configuration with;
  with.set("bootstrap.servers", "127.0.0.1:" + given.text("port"));
  with.set("socket.nagle.disable", "true");
  with.set("log_level", "3");
  return with;
}

client make_producer(const arguments& given) {
  auto with = common(given);
  with.set("linger.ms", given.text("linger_ms"));
  with.set("acks", given.text("acks"));
  with.set("queue.buffering.max.messages", "1000000");
  rd_kafka_conf_set_dr_msg_cb(with.conf, on_delivery);
  return {RD_KAFKA_PRODUCER, with, given.text("topic")};
}

client make_consumer(const arguments& given) {
  auto with = common(given);
  with.set("fetch.min.bytes", "1");
  with.set("fetch.wait.max.ms", "500");
  with.set("auto.offset.reset", "earliest");
  with.set("enable.partition.eof", "true");
  return {RD_KAFKA_CONSUMER, with, given.text("topic")};
}

void send(const client& producer, std::vector<char>& value, std::uint64_t due_ns) {
  std::memcpy(value.data(), &due_ns, sizeof due_ns);
  while (rd_kafka_produce(producer.topic(), 0, RD_KAFKA_MSG_F_COPY, value.data(), value.size(), nullptr, 0, nullptr) != 0) {
    if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
      fail(rd_kafka_err2str(rd_kafka_last_error()));
    usleep(100);
  }
}

// The first record also creates the topic.
void send_first(const client& producer, std::vector<char>& value) {
  send(producer, value, 0);
  for (int i = 0; i < 300 && delivered == 0 && lost == 0; ++i)
    rd_kafka_poll(producer.handle(), 100);
  if (delivered == 0)
    fail("the first record was not acknowledged");
}

std::vector<char> make_value(const arguments& given) {
  return std::vector<char>(std::max<std::size_t>(sizeof(std::uint64_t), static_cast<std::size_t>(given.number("record_bytes"))), 'x');
}

void sleep_until(std::uint64_t at_ns) {
  const auto now = now_ns();
  if (at_ns <= now)
    return;
  const timespec wait{static_cast<time_t>((at_ns - now) / 1'000'000'000), static_cast<long>((at_ns - now) % 1'000'000'000)};
  nanosleep(&wait, nullptr);
}

void latency(const arguments& given) {
  const auto producer = make_producer(given), consumer = make_consumer(given);
  auto value = make_value(given);
  send_first(producer, value);
  if (rd_kafka_consume_start(consumer.topic(), 0, RD_KAFKA_OFFSET_END) != 0)
    fail("consume_start");
  std::atomic<bool> stop{false};
  std::vector<std::uint64_t> consumed_after_ns;
  std::thread consuming([&] {
    while (!stop) {
      auto* message = rd_kafka_consume(consumer.topic(), 0, 100);
      if (!message)
        continue;
      std::uint64_t due = 0;
      if (!message->err && message->len >= sizeof due) {
        std::memcpy(&due, message->payload, sizeof due);
        if (due > count_from_ns && count_from_ns != 0)
          consumed_after_ns.push_back(now_ns() - due);
      }
      rd_kafka_message_destroy(message);
    }
  });
  std::thread polling([&] {
    while (!stop)
      rd_kafka_poll(producer.handle(), 100);
  });
  usleep(700'000); // the consumer has asked for what is to come
  const auto rate = given.real("rate"), seconds = given.real("seconds");
  const auto count = static_cast<std::uint64_t>(rate * seconds);
  const auto start = now_ns();
  count_from_ns = start + static_cast<std::uint64_t>(seconds * 0.2e9);
  for (std::uint64_t i = 1; i <= count; ++i) {
    const auto due = start + static_cast<std::uint64_t>(static_cast<double>(i) * 1e9 / rate);
    sleep_until(due);
    send(producer, value, due);
  }
  rd_kafka_flush(producer.handle(), 5000);
  usleep(500'000);
  stop = true;
  consuming.join();
  polling.join();
  if (lost != 0 || consumed_after_ns.empty())
    fail(std::to_string(lost) + " records lost, " + std::to_string(consumed_after_ns.size()) + " consumed");
  std::printf("{\"records\": %zu, \"ack_p50_us\": %.1f, \"ack_p99_us\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f}\n",
              consumed_after_ns.size(), percentile_us(acknowledged_after_ns, .5), percentile_us(acknowledged_after_ns, .99),
              percentile_us(consumed_after_ns, .5), percentile_us(consumed_after_ns, .99), percentile_us(consumed_after_ns, .999));
}

void print_rate(const arguments& given, double records, double elapsed, double cpu) {
  const auto gigabytes = records * given.real("record_bytes") / 1e9;
  std::printf("{\"records_per_s\": %.0f, \"mb_per_s\": %.1f, \"server_cpu_s_per_gb\": %.3f}\n", records / elapsed,
              gigabytes * 1e3 / elapsed, cpu / gigabytes);
}

void produce(const arguments& given) {
  const auto producer = make_producer(given);
  auto value = make_value(given);
  send_first(producer, value);
  std::atomic<bool> stop{false};
  std::thread polling([&] {
    while (!stop)
      rd_kafka_poll(producer.handle(), 100);
  });
  const auto pid = given.number("pid");
  const auto cpu_before = process_cpu_seconds(pid);
  const auto start = now_ns(), end = start + static_cast<std::uint64_t>(given.real("seconds") * 1e9);
  const auto before = delivered.load();
  while (now_ns() < end)
    for (int i = 0; i < 100; ++i)
      send(producer, value, start);
  rd_kafka_flush(producer.handle(), 30'000);
  const auto elapsed = static_cast<double>(now_ns() - start) / 1e9;
  stop = true;
  polling.join();
  if (lost != 0)
    fail(std::to_string(lost) + " records lost");
  print_rate(given, static_cast<double>(delivered - before), elapsed, process_cpu_seconds(pid) - cpu_before);
}

void consume(const arguments& given) {
  const auto consumer = make_consumer(given);
  if (rd_kafka_consume_start(consumer.topic(), 0, RD_KAFKA_OFFSET_BEGINNING) != 0)
    fail("consume_start");
  std::vector<rd_kafka_message_t*> batch(10'000);
  const auto pid = given.number("pid");
  double cpu_before = 0;
  std::uint64_t records = 0, start = 0, end = now_ns() + 10'000'000'000; // for the first to come
  while (now_ns() < end) {
    const auto count = rd_kafka_consume_batch(consumer.topic(), 0, 100, batch.data(), batch.size());
    for (ssize_t i = 0; i < count; ++i) {
      const auto* message = batch[static_cast<std::size_t>(i)];
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        rd_kafka_seek(consumer.topic(), 0, RD_KAFKA_OFFSET_BEGINNING, 0);
      else if (!message->err)
        ++records;
      rd_kafka_message_destroy(batch[static_cast<std::size_t>(i)]);
    }
    if (start == 0 && records > 0) {
      start = now_ns();
      end = start + static_cast<std::uint64_t>(given.real("seconds") * 1e9);
      cpu_before = process_cpu_seconds(pid);
      records = 0;
    }
  }
  if (records == 0)
    fail("nothing was consumed");
  print_rate(given, static_cast<double>(records), static_cast<double>(now_ns() - start) / 1e9, process_cpu_seconds(pid) - cpu_before);
}

} // namespace

int main(int argc, char** argv) {
  const arguments given(argc, argv,
                        {{"mode", "latency"},
                         {"port", "9092"},
                         {"topic", "bench-librdkafka"},
                         {"rate", "4000"},
                         {"seconds", "5"},
                         {"record_bytes", "100"},
                         {"acks", "-1"},
                         {"linger_ms", "0"},
                         {"pid", "0"}});
  const auto& mode = given.text("mode");
  if (mode == "latency")
    latency(given);
  else if (mode == "produce")
    produce(given);
  else if (mode == "consume")
    consume(given);
  else
    fail("mode is latency, produce or consume");
  std::fflush(stdout);
  _exit(0); // librdkafka's own end waits for what nobody waits for here
}
