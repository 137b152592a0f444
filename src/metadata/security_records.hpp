// Kafka's metadata records about who may do what, and how much: ACLs, SCRAM credentials, delegation tokens, quotas.
// The image does not hold them yet; they are decoded so that the log can be read and printed, and are never lost.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::metadata {

struct access_control_entry_record {
  uuid id;
  std::int8_t resource_type = 0;
  std::string resource_name;
  std::int8_t pattern_type = 0;
  std::string principal;
  std::string host;
  std::int8_t operation = 0;
  std::int8_t permission_type = 0;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "AccessControlEntryRecord", .api_key = 18, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Id", &access_control_entry_record::id, codec::since(0));
    v.field("ResourceType", &access_control_entry_record::resource_type, codec::since(0));
    v.field("ResourceName", &access_control_entry_record::resource_name, codec::since(0));
    v.field("PatternType", &access_control_entry_record::pattern_type, codec::since(0));
    v.field("Principal", &access_control_entry_record::principal, codec::since(0));
    v.field("Host", &access_control_entry_record::host, codec::since(0));
    v.field("Operation", &access_control_entry_record::operation, codec::since(0));
    v.field("PermissionType", &access_control_entry_record::permission_type, codec::since(0));
  }
  bool operator==(const access_control_entry_record&) const = default;
};

struct remove_access_control_entry_record {
  uuid id;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "RemoveAccessControlEntryRecord", .api_key = 19, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) { v.field("Id", &remove_access_control_entry_record::id, codec::since(0)); }
  bool operator==(const remove_access_control_entry_record&) const = default;
};

struct user_scram_credential_record {
  std::string name;
  std::int8_t mechanism = 0;
  byte_vector salt;
  byte_vector stored_key;
  byte_vector server_key;
  std::int32_t iterations = 0;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "UserScramCredentialRecord", .api_key = 11, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Name", &user_scram_credential_record::name, codec::since(0));
    v.field("Mechanism", &user_scram_credential_record::mechanism, codec::since(0));
    v.field("Salt", &user_scram_credential_record::salt, codec::since(0));
    v.field("StoredKey", &user_scram_credential_record::stored_key, codec::since(0));
    v.field("ServerKey", &user_scram_credential_record::server_key, codec::since(0));
    v.field("Iterations", &user_scram_credential_record::iterations, codec::since(0));
  }
  bool operator==(const user_scram_credential_record&) const = default;
};

struct remove_user_scram_credential_record {
  std::string name;
  std::int8_t mechanism = 0;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "RemoveUserScramCredentialRecord", .api_key = 22, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Name", &remove_user_scram_credential_record::name, codec::since(0));
    v.field("Mechanism", &remove_user_scram_credential_record::mechanism, codec::since(0));
  }
  bool operator==(const remove_user_scram_credential_record&) const = default;
};

struct delegation_token_record {
  std::string owner;
  std::string requester;
  std::vector<std::string> renewers;
  std::int64_t issue_timestamp = 0;
  std::int64_t max_timestamp = 0;
  std::int64_t expiration_timestamp = 0;
  std::string token_id;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "DelegationTokenRecord", .api_key = 10, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Owner", &delegation_token_record::owner, codec::since(0));
    v.field("Requester", &delegation_token_record::requester, codec::since(0));
    v.field("Renewers", &delegation_token_record::renewers, codec::since(0));
    v.field("IssueTimestamp", &delegation_token_record::issue_timestamp, codec::since(0));
    v.field("MaxTimestamp", &delegation_token_record::max_timestamp, codec::since(0));
    v.field("ExpirationTimestamp", &delegation_token_record::expiration_timestamp, codec::since(0));
    v.field("TokenId", &delegation_token_record::token_id, codec::since(0));
  }
  bool operator==(const delegation_token_record&) const = default;
};

struct remove_delegation_token_record {
  std::string token_id;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "RemoveDelegationTokenRecord", .api_key = 26, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) { v.field("TokenId", &remove_delegation_token_record::token_id, codec::since(0)); }
  bool operator==(const remove_delegation_token_record&) const = default;
};

struct client_quota_record {
  struct entity_data {
    std::string entity_type;
    std::optional<std::string> entity_name = std::string{};
    codec::tagged_fields unknown_tagged_fields;
    static constexpr void describe(auto& v) {
      v.field("EntityType", &entity_data::entity_type, codec::since(0));
      v.field("EntityName", &entity_data::entity_name, codec::since(0).or_null());
    }
    bool operator==(const entity_data&) const = default;
  };
  std::vector<entity_data> entity;
  std::string key;
  double value = 0;
  bool remove = false;
  codec::tagged_fields unknown_tagged_fields;
  static constexpr codec::message_info info{.name = "ClientQuotaRecord", .api_key = 14, .valid = {0, 0}, .flexible = {0}};
  static constexpr void describe(auto& v) {
    v.field("Entity", &client_quota_record::entity, codec::since(0));
    v.field("Key", &client_quota_record::key, codec::since(0));
    v.field("Value", &client_quota_record::value, codec::since(0));
    v.field("Remove", &client_quota_record::remove, codec::since(0));
  }
  bool operator==(const client_quota_record&) const = default;
};

} // namespace cafka::metadata
