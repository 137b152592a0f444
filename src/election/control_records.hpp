// The control records of a quorum's log and its snapshots: leader change, snapshot header and footer, voters (KIP-595, 630, 853).
// A control record's key is {version i16 = 0, type i16}; its value is one of these, which names its version first.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::election {

struct leader_change_message {
  struct voter {
    std::int32_t voter_id = 0;
    uuid voter_directory_id;
    codec::tagged_fields unknown_tagged_fields;
    static constexpr void describe(auto& v) {
      v.field("VoterId", &voter::voter_id, codec::since(0));
      v.field("VoterDirectoryId", &voter::voter_directory_id, codec::since(1));
    }
    bool operator==(const voter&) const = default;
  };
  std::int16_t version = 0;
  std::int32_t leader_id = 0;
  std::vector<voter> voters;
  std::vector<voter> granting_voters;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "LeaderChangeMessage", .api_key = -1, .valid = {0, 1}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Version", &leader_change_message::version, codec::since(0));
    v.field("LeaderId", &leader_change_message::leader_id, codec::since(0));
    v.field("Voters", &leader_change_message::voters, codec::since(0));
    v.field("GrantingVoters", &leader_change_message::granting_voters, codec::since(0));
  }
  bool operator==(const leader_change_message&) const = default;
};

struct snapshot_header_record {
  std::int16_t version = 0;
  std::int64_t last_contained_log_timestamp = 0;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "SnapshotHeaderRecord", .api_key = -1, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Version", &snapshot_header_record::version, codec::since(0));
    v.field("LastContainedLogTimestamp", &snapshot_header_record::last_contained_log_timestamp, codec::since(0));
  }
  bool operator==(const snapshot_header_record&) const = default;
};

struct snapshot_footer_record {
  std::int16_t version = 0;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "SnapshotFooterRecord", .api_key = -1, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) { v.field("Version", &snapshot_footer_record::version, codec::since(0)); }
  bool operator==(const snapshot_footer_record&) const = default;
};

struct kraft_version_record {
  std::int16_t version = 0;
  std::int16_t kraft_version = 0;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "KRaftVersionRecord", .api_key = -1, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Version", &kraft_version_record::version, codec::since(0));
    v.field("KRaftVersion", &kraft_version_record::kraft_version, codec::since(0));
  }
  bool operator==(const kraft_version_record&) const = default;
};

struct voters_record {
  struct voter {
    struct endpoint {
      std::string name;
      std::string host;
      std::uint16_t port = 0;
      codec::tagged_fields unknown_tagged_fields;
      static constexpr void describe(auto& v) {
        v.field("Name", &endpoint::name, codec::since(0));
        v.field("Host", &endpoint::host, codec::since(0));
        v.field("Port", &endpoint::port, codec::since(0));
      }
      bool operator==(const endpoint&) const = default;
    };
    struct kraft_version_feature {
      std::int16_t min_supported_version = 0;
      std::int16_t max_supported_version = 0;
      codec::tagged_fields unknown_tagged_fields;
      static constexpr void describe(auto& v) {
        v.field("MinSupportedVersion", &kraft_version_feature::min_supported_version, codec::since(0));
        v.field("MaxSupportedVersion", &kraft_version_feature::max_supported_version, codec::since(0));
      }
      bool operator==(const kraft_version_feature&) const = default;
    };
    std::int32_t voter_id = 0;
    uuid voter_directory_id;
    std::vector<endpoint> endpoints;
    kraft_version_feature kraft_version_feature;
    codec::tagged_fields unknown_tagged_fields;
    static constexpr void describe(auto& v) {
      v.field("VoterId", &voter::voter_id, codec::since(0));
      v.field("VoterDirectoryId", &voter::voter_directory_id, codec::since(0));
      v.field("Endpoints", &voter::endpoints, codec::since(0));
      v.field("KRaftVersionFeature", &voter::kraft_version_feature, codec::since(0));
    }
    bool operator==(const voter&) const = default;
  };
  std::int16_t version = 0;
  std::vector<voter> voters;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "VotersRecord", .api_key = -1, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Version", &voters_record::version, codec::since(0));
    v.field("Voters", &voters_record::voters, codec::since(0));
  }
  bool operator==(const voters_record&) const = default;
};

} // namespace cafka::election
