// GET /metrics: what this node tells of itself to Prometheus. Everything is collected here, when it is asked for.
import type { Histogram } from '../histogram.ts';
import { ALARMS } from '../replica/alarms.ts';
import type { Figures } from '../replica/figures.ts';
import type { Service } from '../replica/service.ts';
import type { Api, ApiServer } from './api.ts';
import { METRICS_MEDIA_TYPE, MetricsText } from './metrics-text.ts';
import type { RequestLatency } from './request-latency.ts';
import { stamp } from './stamp.ts';

/** A lease that is due for longer is overdue, in milliseconds of lease time. */
const OVERDUE_MS = 1_000;
/** Due leases are counted up to here, so that a scrape stays short work however many there are. */
const DUE_COUNT_MAX = 10_000;

/** Distributions that are kept outside the API. */
export interface ProcessGauges {
  /** How late a timer fires. */
  readonly loopDelay?: Histogram;
  /** How long the disk takes for a group commit. */
  readonly diskSync?: Histogram;
}

/** Registers the route. */
export function metricsRoutes(server: ApiServer, api: Api, latency: RequestLatency, gauges: ProcessGauges): void {
  server.get('/metrics', (_request, reply) => {
    const text = new MetricsText();
    const figures = api.service.figures();
    raftMetrics(text, api.service, figures);
    peerMetrics(text, api.service);
    alarmMetrics(text, api.service);
    roomMetrics(text, figures);
    lessorMetrics(text, figures);
    eventMetrics(text, api);
    connectionMetrics(text, api);
    text.histogram(
      'leasehold_http_request_duration_seconds',
      'Time to answer a request, by operation and the end of the call (DESIGN 3); claim-in-turn is a claim that may queue.',
      latency.series(),
    );
    processMetrics(text, gauges);
    stamp(api.service, reply);
    reply.header('content-type', METRICS_MEDIA_TYPE);
    reply.send(text.toString());
  });
}

function raftMetrics(text: MetricsText, service: Service, figures: Figures): void {
  const { commitIndex, appliedIndex, term, leader } = service.status();
  text.gauge('leasehold_raft_term', 'Term of this node.', term);
  const roles = ['leader', 'candidate', 'follower', 'learner'] as const;
  const isRole = roles.map((role) => [{ role }, role === figures.role] as const);
  text.gauges('leasehold_raft_role', 'Role of this node: 1 for the one that it has.', isRole);
  text.gauge('leasehold_raft_has_leader', 'Whether this node knows a leader.', leader !== null);
  text.gauge('leasehold_raft_commit_index', 'Last log index that this node knows to be committed.', commitIndex);
  text.gauge('leasehold_raft_applied_index', 'Last log index that this node has applied.', appliedIndex);
  text.counter('leasehold_raft_elections_total', 'Elections in which this node stood.', figures.elections);
  text.counter('leasehold_raft_leader_changes_total', 'Leaders that this node has seen, itself included.', figures.leaderChanges);
  text.counter('leasehold_raft_proposals_total', 'Changes that this node took, its own and those tried again included.', figures.proposals);
  text.gauge('leasehold_raft_proposals_pending', 'Changes that this node took and has not answered.', figures.pendingProposals);
  const { sent, failed, received } = figures.images;
  text.counters('leasehold_raft_image_transfers_total', 'Images of the state sent to peers as a whole, given up, and received.', [
    [{ result: 'sent' }, sent],
    [{ result: 'failed' }, failed],
    [{ result: 'received' }, received],
  ]);
}

function peerMetrics(text: MetricsText, service: Service): void {
  const { node, members } = service.status();
  const peers = members.filter(({ id }) => id !== node);
  text.gauge('leasehold_peers', 'Members of the cluster besides this node.', peers.length);
  text.gauges(
    'leasehold_peer_reachable',
    'Whether a connection to the peer stands.',
    peers.map(({ id, reachable }) => [{ peer: id }, reachable]),
  );
  text.gauges(
    'leasehold_peer_last_contact_seconds',
    'Time since anything was heard from the peer; absent if nothing ever was.',
    peers.flatMap(({ id, lastContactMs }) => (lastContactMs === null ? [] : [[{ peer: id }, lastContactMs / 1_000] as const])),
  );
  text.gauges(
    'leasehold_peer_match_index',
    'Last log index that the peer is known to have; on the leader only.',
    peers.flatMap(({ id, matchIndex }) => (matchIndex === null ? [] : [[{ peer: id }, matchIndex] as const])),
  );
  text.gauge('leasehold_raft_images_in_transfer', 'Images of the state under way, to or from this node.', inTransfer(service));
}

function alarmMetrics(text: MetricsText, { alarms }: Service): void {
  const series = ALARMS.map((alarm) => [{ alarm }, alarms.has(alarm)] as const);
  text.gauges('leasehold_alarm', 'Whether the alarm is active on this node. An alarm clears by itself.', series);
}

function roomMetrics(text: MetricsText, { room }: Figures): void {
  text.gauges(
    'leasehold_room_used_ratio',
    'Share of each quota of this node that is in use. At 1 the leader refuses growth with 429 no-room, until 0.9.',
    room.map(({ resource, used, limit }) => [{ resource }, limit > 0 ? used / limit : 1] as const),
  );
}

function inTransfer(service: Service): number {
  return service.status().members.filter(({ snapshot }) => snapshot !== null).length;
}

function lessorMetrics(text: MetricsText, { state, leaseTimeMs, isPrimary }: Figures): void {
  const { claims, grants, pins, remembered } = state.sizes;
  text.gauge('leasehold_lessor_is_primary', 'Whether the lessor of this node ends leases.', isPrimary);
  text.gauge('leasehold_lessor_claims', 'Leases that somebody holds.', claims);
  text.gauge('leasehold_lessor_leases', 'Leases granted by themselves (sessions).', grants);
  text.gauge('leasehold_lessor_pinned_leases', 'Leases on which there are pins.', pins);
  text.gauge('leasehold_lessor_waiters', 'Claims that queue in the cluster.', state.waiting);
  text.gauge('leasehold_lessor_remembered_outcomes', 'Outcomes kept for requests that are repeated.', remembered);
  const countDue = (atMs: number): number => state.due(atMs, DUE_COUNT_MAX).length;
  text.gauge(
    'leasehold_lessor_due_leases',
    `The backlog: deadline passed, not ended yet; counted up to ${DUE_COUNT_MAX}.`,
    countDue(leaseTimeMs),
  );
  text.gauge(
    'leasehold_lessor_overdue_leases',
    `Of those the ones due for more than ${OVERDUE_MS} ms.`,
    countDue(leaseTimeMs - OVERDUE_MS),
  );
  const nextMs = state.nextDeadlineMs() ?? leaseTimeMs;
  text.gauge('leasehold_lessor_backlog_seconds', 'For how long the first of them has been due.', Math.max(0, leaseTimeMs - nextMs) / 1_000);
}

function connectionMetrics(text: MetricsText, { connections }: Api): void {
  text.gauge('leasehold_http_connections', 'Open connections of clients.', connections.count);
  text.counter(
    'leasehold_http_connections_dropped_total',
    'Connections closed without an answer because there were too many.',
    connections.dropped,
  );
  text.counter(
    'leasehold_http_connections_cut_off_total',
    'Connections closed because of unread answers, unfinished bodies, or too many requests at once.',
    connections.cutOff,
  );
}

function eventMetrics(text: MetricsText, { service, watchers, waits }: Api): void {
  const { counts, lateness } = service.events;
  text.counters(
    'leasehold_events_total',
    'What applied entries did to claims and keys, since this process started.',
    Object.entries(counts).map(([type, count]) => [{ type }, count]),
  );
  text.histogram('leasehold_lessor_expiry_lateness_seconds', 'Lease time from the deadline of a claim to its end by time.', [
    [{}, lateness],
  ]);
  text.gauge('leasehold_watchers', 'Watches open on this node.', watchers.count);
  text.gauge('leasehold_waiting_requests', 'Requests that wait on this node for something to happen, watches included.', waits.count);
}

function processMetrics(text: MetricsText, { loopDelay, diskSync }: ProcessGauges): void {
  if (loopDelay !== undefined) {
    text.histogram('leasehold_eventloop_delay_seconds', 'By how much a timer of 10 ms fired late.', [[{}, loopDelay]]);
  }
  if (diskSync !== undefined) {
    text.histogram('leasehold_disk_sync_duration_seconds', 'Time for one synced batch of log entries.', [[{}, diskSync]]);
  }
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  text.counter('process_cpu_seconds_total', 'Processor time of this process.', (user + system) / 1e6);
  text.gauge('process_resident_memory_bytes', 'Resident memory of this process.', rss);
  text.gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use.', heapUsed);
  text.gauge('process_start_time_seconds', 'When this process started, since the epoch.', performance.timeOrigin / 1_000);
}
