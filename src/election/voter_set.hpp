// Who votes. A voter is a node with the directory it votes from: the same node on a new, empty disk is another voter (KIP-853).
#pragma once
#include "base/ids.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace cafka::election {

struct replica_key {
  node_id id = no_node;
  uuid directory_id; // zero: not known (a static configuration before the first contact); matches any
  auto operator<=>(const replica_key&) const = default;
  [[nodiscard]] bool matches(const replica_key& other) const noexcept {
    return id == other.id && (directory_id.is_zero() || other.directory_id.is_zero() || directory_id == other.directory_id);
  }
};

class voter_set {
public:
  voter_set() = default;
  explicit voter_set(std::vector<replica_key> voters) : voters_(std::move(voters)) { std::sort(voters_.begin(), voters_.end()); }
  [[nodiscard]] bool contains(const replica_key& key) const noexcept {
    return std::any_of(voters_.begin(), voters_.end(), [&](const auto& voter) { return voter.matches(key); });
  }
  [[nodiscard]] std::size_t size() const noexcept { return voters_.size(); }
  [[nodiscard]] std::size_t majority() const noexcept { return voters_.size() / 2 + 1; }
  [[nodiscard]] auto begin() const noexcept { return voters_.begin(); }
  [[nodiscard]] auto end() const noexcept { return voters_.end(); }
  bool operator==(const voter_set&) const = default;

private:
  std::vector<replica_key> voters_; // by id; ids are distinct
};

} // namespace cafka::election
