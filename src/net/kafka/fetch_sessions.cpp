#include "net/kafka/fetch_sessions.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace cafka::net::kafka {

// ---- one session ----

result<fetch_session::turn> fetch_session::begin(std::int32_t epoch, bool by_id, const std::vector<asked_fetch>& changed,
                                                 const std::vector<fetch_key>& forgotten, std::size_t at_most) {
  std::lock_guard lock(mutex_);
  if (epoch != epoch_)
    return fail(errc::invalid_fetch_session_epoch);
  if (by_id != by_id_)
    return fail(errc::fetch_session_topic_id_error);
  for (const auto& each : changed) {
    const auto [place, is_new] = places_.try_emplace(each.key, static_cast<std::uint32_t>(entries_.size()));
    if (is_new)
      entries_.push_back({each, {}});
    else
      entries_[place->second].asked = each;
  }
  forget(forgotten);
  size_.store(entries_.size(), std::memory_order_relaxed);
  if (entries_.size() > at_most)
    return fail(errc::too_many_requests);
  epoch_ = epoch_ == std::numeric_limits<std::int32_t>::max() ? 1 : epoch_ + 1;

  turn now;
  now.layout = layout_;
  now.partitions.reserve(entries_.size());
  now.places.reserve(entries_.size());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto place = (first_ + i) % entries_.size();
    now.partitions.push_back(entries_[place].asked);
    now.places.push_back(static_cast<std::uint32_t>(place));
  }
  return now;
}

void fetch_session::forget(const std::vector<fetch_key>& keys) {
  std::vector<bool> is_forgotten;
  for (const auto& key : keys)
    if (const auto found = places_.find(key); found != places_.end()) {
      is_forgotten.resize(entries_.size());
      is_forgotten[found->second] = true;
      places_.erase(found);
    }
  if (is_forgotten.empty())
    return;
  std::size_t kept = 0, first = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (i == first_)
      first = kept;
    if (is_forgotten[i])
      continue;
    places_[entries_[i].asked.key] = static_cast<std::uint32_t>(kept);
    if (kept != i)
      entries_[kept] = std::move(entries_[i]);
    ++kept;
  }
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(kept), entries_.end());
  first_ = kept == 0 ? 0 : first % kept;
  ++layout_;
}

bool fetch_session::telling::needs(const fetch_key& key, std::uint32_t place, errc code, told_fetch now, bool has_records) {
  if (of_.layout_ != layout_) { // a pipelined request has forgotten some meanwhile
    const auto found = of_.places_.find(key);
    if (found == of_.places_.end())
      return true;
    place = found->second;
  }
  auto& told = of_.entries_[place].told;
  const bool is_error = code != errc::none;
  const bool is_news = now.high_watermark != told.high_watermark || now.log_start_offset != told.log_start_offset;
  told = now;
  if (is_error)
    told.high_watermark = -1; // so that the end of the error is news
  if (has_records)
    of_.first_ = (place + 1) % of_.entries_.size();
  return is_error || is_news || has_records;
}

// ---- all sessions ----

fetch_session_cache::fetch_session_cache(std::size_t slots) : slots_(slots), random_(prng::from_system()) {}

std::int32_t fetch_session_cache::create(bool by_id, const std::vector<asked_fetch>& asked, const std::vector<told_fetch>& told,
                                         std::int64_t now_ms) {
  if (asked.empty() || asked.size() > max_partitions)
    return 0;
  std::lock_guard lock(mutex_);
  while (sessions_.size() >= slots_ || partitions_ + asked.size() > max_partitions)
    if (!evict_for(asked.size(), now_ms))
      return 0;
  std::int32_t id = 0;
  do
    id = static_cast<std::int32_t>(random_.next() >> 33);
  while (id == 0 || sessions_.contains(id));
  auto session = std::make_shared<fetch_session>(id, by_id, now_ms);
  session->entries_.reserve(asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto place = static_cast<std::uint32_t>(session->entries_.size());
    if (session->places_.try_emplace(asked[i].key, place).second) // a partition that was named twice is one
      session->entries_.push_back({asked[i], told[i]});
  }
  session->size_ = session->counted_ = session->entries_.size();
  partitions_ += session->counted_;
  sessions_.emplace(id, std::move(session));
  return id;
}

std::shared_ptr<fetch_session> fetch_session_cache::find(std::int32_t id, std::int64_t now_ms) {
  std::lock_guard lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end())
    return nullptr;
  found->second->last_used_ms_ = now_ms;
  return found->second;
}

void fetch_session_cache::remove(std::int32_t id) {
  std::lock_guard lock(mutex_);
  if (const auto found = sessions_.find(id); found != sessions_.end())
    erase(found);
}

void fetch_session_cache::resized(const std::shared_ptr<fetch_session>& session) {
  std::lock_guard lock(mutex_);
  if (const auto found = sessions_.find(session->id()); found == sessions_.end() || found->second != session)
    return;
  partitions_ -= session->counted_;
  session->counted_ = session->size();
  partitions_ += session->counted_;
}

// Kafka's rule: the one that was not used for longest, if that is long; else the smallest of those that have lived long, if the new one is larger.
bool fetch_session_cache::evict_for(std::size_t size, std::int64_t now_ms) {
  auto oldest = sessions_.end(), smallest = sessions_.end();
  for (auto each = sessions_.begin(); each != sessions_.end(); ++each) {
    const auto& session = *each->second;
    if (oldest == sessions_.end() || session.last_used_ms_ < oldest->second->last_used_ms_)
      oldest = each;
    if (now_ms - session.created_ms_ > eviction_ms && (smallest == sessions_.end() || session.counted_ < smallest->second->counted_))
      smallest = each;
  }
  if (oldest != sessions_.end() && now_ms - oldest->second->last_used_ms_ > eviction_ms)
    erase(oldest);
  else if (smallest != sessions_.end() && size > smallest->second->counted_)
    erase(smallest);
  else
    return false;
  return true;
}

void fetch_session_cache::erase(session_map::iterator which) {
  partitions_ -= std::exchange(which->second->counted_, 0);
  sessions_.erase(which);
}

std::size_t fetch_session_cache::sessions() const {
  std::lock_guard lock(mutex_);
  return sessions_.size();
}

std::size_t fetch_session_cache::partitions() const {
  std::lock_guard lock(mutex_);
  return partitions_;
}

std::size_t fetch_session_cache::room_for(const fetch_session& session) const {
  std::lock_guard lock(mutex_);
  return max_partitions - std::min(max_partitions, partitions_ - session.counted_);
}

} // namespace cafka::net::kafka
