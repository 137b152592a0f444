// What a broker's end means to clients that ask who leads what. Pure; owned by the metadata actor of each node. Nothing survives a crash.
//
// A client whose leader died asks another broker within a millisecond: long before the next leader is elected. Told the old one it asks again when its own
// timer says so, which for librdkafka is up to a second later. So whoever asks just after a link broke waits for the election, for a moment.
// And of a broker that was fenced lately each client is told once more: librdkafka, told in one answer of a new leader and that the old one is no broker any more,
// takes the partition from both, and waits for its timer again. It asks twice in a row. Told in the second answer that the broker is gone, it also forgets how
// often it has tried to reach it, and does not hesitate when that is back.
#pragma once
#include "base/ids.hpp"
#include "metadata/image.hpp"

#include <cstdint>
#include <map>
#include <memory>

namespace cafka::metadata {

// Immutable: for readers on other threads. Times are monotonic milliseconds.
struct failover_view {
  std::int64_t unsettled_until_ms = INT64_MIN;
  std::map<node_id, std::int64_t> listed_until_ms; // of brokers that were fenced lately

  [[nodiscard]] bool is_settled(std::int64_t now_ms) const noexcept { return unsettled_until_ms <= now_ms; }
  // 0: no. Else another number each time.
  [[nodiscard]] std::int64_t lately_fenced(node_id broker, std::int64_t now_ms) const {
    const auto found = listed_until_ms.find(broker);
    return found != listed_until_ms.end() && found->second > now_ms ? found->second : 0;
  }
};

class failover_watch {
public:
  struct bounds {
    std::int64_t wait_ms = 250; // leader.failover.wait.ms
    std::int64_t listed_ms = 2'000; // fenced.broker.listed.ms
  };
  explicit failover_watch(bounds with) : with_(with) {}

  // The link to that node is gone, a moment ago. No matter if it is no broker, or fenced already.
  void link_lost(node_id id, const image& known, std::int64_t now_ms);
  void link_made(node_id id);
  // `next` has taken the place of `before`.
  void replayed(const image& before, const image& next, std::int64_t now_ms);

  // When to look again whether all is settled; INT64_MAX: it is, until something happens.
  [[nodiscard]] std::int64_t next_deadline_ms(std::int64_t now_ms) const;
  [[nodiscard]] std::shared_ptr<const failover_view> view() const;

private:
  [[nodiscard]] std::int64_t unsettled_until_ms() const;

  bounds with_;
  std::map<node_id, std::int64_t> lost_; // unfenced brokers without a link, and until when the election is waited for
  std::map<node_id, std::int64_t> fenced_; // lately, and until when each is listed
};

} // namespace cafka::metadata
