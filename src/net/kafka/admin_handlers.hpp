// The handlers of the administrative APIs; see handlers.hpp.
#pragma once
#include "net/kafka/session.hpp"

namespace cafka::net::kafka {

// topics.cpp
void answer(kafka_session& session, const create_topics_request& request, const call& to);
void answer(kafka_session& session, const delete_topics_request& request, const call& to);
void answer(kafka_session& session, const create_partitions_request& request, const call& to);
// delete_records.cpp
void answer(kafka_session& session, const delete_records_request& request, const call& to);
// describe_topic_partitions.cpp
void answer(kafka_session& session, const describe_topic_partitions_request& request, const call& to);
// describe_configs.cpp
void answer(kafka_session& session, const describe_configs_request& request, const call& to);
void answer(kafka_session& session, const list_config_resources_request& request, const call& to);
// alter_configs.cpp
void answer(kafka_session& session, const alter_configs_request& request, const call& to);
void answer(kafka_session& session, const incremental_alter_configs_request& request, const call& to);
// elect_leaders.cpp
void answer(kafka_session& session, const elect_leaders_request& request, const call& to);
// describe_quorum.cpp
void answer(kafka_session& session, const describe_quorum_request& request, const call& to);
// log_dirs.cpp
void answer(kafka_session& session, const describe_log_dirs_request& request, const call& to);

} // namespace cafka::net::kafka
