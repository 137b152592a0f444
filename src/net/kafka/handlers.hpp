// The handlers of the APIs. To add one: declare `answer` for its request here, define it in the file of its theme, add it to the table in
// handlers.cpp. ApiVersions advertises what is in that table.
//
// Every handler replies exactly once, now or later. Views in `request` last as long as the call: what is needed later is copied.
#pragma once
#include "net/kafka/session.hpp"

namespace cafka::net::kafka {

// The request is decoded and begun before these are called.
void answer(kafka_session& session, const api_versions_request& request, const call& to);
void answer(kafka_session& session, const metadata_request& request, const call& to);
void answer(kafka_session& session, const describe_cluster_request& request, const call& to);
void answer(kafka_session& session, const list_offsets_request& request, const call& to);
void answer(kafka_session& session, const offset_for_leader_epoch_request& request, const call& to);
void answer(kafka_session& session, const find_coordinator_request& request, const call& to);
void answer(kafka_session& session, const init_producer_id_request& request, const call& to);

// These decode for themselves, into memory that they keep, and need the frame.
result<void> handle_produce(kafka_session& session, incoming request);
result<void> handle_fetch(kafka_session& session, incoming request);

// Null: the API is not served.
using handler = result<void> (*)(kafka_session& session, incoming request);
handler find_handler(api_key key) noexcept;

// An ApiVersions request of a version that is not known: answered in version 0, which every client reads, with the versions of this API alone.
void answer_unknown_api_versions(kafka_session& session, const incoming& request);

} // namespace cafka::net::kafka
