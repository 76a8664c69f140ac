#include "conf/reader/vocabulary.h"

#include <array>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "conf/text/text.h"

namespace sluice::conf {
namespace {

constexpr auto kVocabulary = std::to_array<Foreign>({
    // What there is here under another name: from the whole to the parts.
    {" frontend frontends entrypoint entrypoints entry_points listen_on servers_in inbound "
     "ingress ",
     "listeners", ""},
    {" cluster clusters pool pools service services backend_servers ", "upstreams", ""},
    {" backend proxy_pass pass default_backend use_backend to target forward forward_to dial proxy "
     "reverse_proxy destination route_to ",
     "listeners[].upstream", ""},
    {" backends ", "upstreams", ""},
    {" server servers nodes node targets members member hosts peers lb_endpoints load_assignment "
     "destinations origins upstream_servers addresses backend_hosts load_balancer ",
     "upstreams[].endpoints", ""},
    {" listen listen_addr listen_address bind_address bind_addr socket_address local_address "
     "ports ",
     "listeners[].bind", ""},
    {" address addr host url uri ip ", "address|listeners[].bind", ""},
    {" port port_value ", "", "the port is part of the address, as in 127.0.0.1:80"},
    {" algorithm algo lb lb_policy lb_algorithm strategy policy load_balancing balancer "
     "balance_type least_conn ip_hash roundrobin round_robin ",
     "upstreams[].balance", ""},
    {" sticky stick session_affinity hash_policy persistence consistent_hash hash_key ",
     "upstreams[].hash", ""},
    {" slowstart slow_start_config warmup ", "upstreams[].slow_start", ""},
    {" backup backups failover standby spare ", "upstreams[].endpoints[].priority", ""},
    {" healthcheck health_check health_checks check checks option_httpchk httpchk active_health "
     "liveness ",
     "upstreams[].health", ""},
    {" inter check_interval interval_ms ", "upstreams[].health.interval", ""},
    {" fastinter ", "upstreams[].health.fast_interval", ""},
    {" downinter ", "upstreams[].health.down_interval", ""},
    {" health_uri health_path uri_path ", "upstreams[].health.http.path", ""},
    {" tcp_check tcpcheck option_tcp_check send_expect ", "upstreams[].health.exchange", ""},
    {" on_marked_down close_connections_on_host_health_failure ", "upstreams[].health.on_down", ""},
    {" agent_check agentcheck agent_port ", "upstreams[].agent", ""},
    {" agent_inter ", "upstreams[].agent.interval", ""},
    {" agent_addr ", "upstreams[].agent.address", ""},
    {" agent_send ", "upstreams[].agent.send", ""},
    {" expected_status expected_statuses expect_status ", "upstreams[].health.http.status", ""},
    {" max_fails fail_timeout outlier_detection observe error_limit circuit_breakers "
     "circuit_breaker ",
     "upstreams[].passive_health", ""},
    {" healthy_panic_threshold panic_threshold ", "upstreams[].panic", ""},
    {" maxconn max_conn max_conns maxconns worker_connections max_clients connection_limit "
     "conn_limit "
     "connlimit fullconn connections max_sessions ulimit_n ulimit nofile ",
     "max_connections", ""},
    {" threads nbthread nbproc worker_processes worker_threads processes concurrency num_threads "
     "cpus cores ",
     "runtime.workers", ""},
    {" cpu_map worker_cpu_affinity cpu_affinity affinity pin pinning ", "runtime.pin_workers", ""},
    {" use event_loop poller events io_engine engine ", "runtime.backend", ""},
    {" connect_timeout timeout_connect proxy_connect_timeout contimeout dial_timeout ",
     "timeouts.connect", ""},
    {" idle_timeout timeout_client timeout_server timeout_idle timeout_tunnel client_timeout "
     "server_timeout proxy_timeout clitimeout srvtimeout read_timeout proxy_read_timeout "
     "tcp_idle_timeout keepalive_timeout ",
     "timeouts.idle", ""},
    {" send_timeout write_timeout proxy_send_timeout ", "timeouts.write_stall", ""},
    {" timeout_client_fin timeout_server_fin fin_timeout half_closed_timeout "
     "terminating_capability "
     "termination_delay ",
     "timeouts.half_close", ""},
    {" lifetime max_connection_duration max_connection_age max_duration ", "timeouts.max_lifetime",
     ""},
    {" timeout_queue maxqueue max_queue queue ", "upstreams[].queue_timeout", ""},
    {" hard_stop_after grace shutdown_timeout drain_time worker_shutdown_timeout grace_period "
     "graceful_timeout grace_time_out drain ",
     "shutdown.drain_timeout", ""},
    {" retries retry max_retries retry_attempts proxy_next_upstream_tries try_count ",
     "upstreams[].connect_attempts", ""},
    {" retry_interval retry_delay lb_try_interval backoff ", "upstreams[].connect_backoff", ""},
    {" lb_try_duration proxy_next_upstream_timeout retry_timeout ", "upstreams[].retry_for", ""},
    {" so_keepalive tcp_keepalive keep_alive keepalive_time clitcpka srvtcpka tcpka ",
     "socket.keepalive", ""},
    {" rcvbuf so_rcvbuf recv_buffer ", "socket.receive_buffer", ""},
    {" sndbuf so_sndbuf ", "socket.send_buffer", ""},
    {" tcp_user_timeout tcp_ut ", "socket.user_timeout", ""},
    {" fastopen tfo tcp_fast_open tcp_fastopen ", "socket.fast_open", ""},
    {" v6only ipv6only bindv6only ", "socket.ipv6_only", ""},
    {" deferred defer tcp_defer_accept ", "socket.defer_accept", ""},
    {" owner socket_owner unix_user uid ", "socket.unix_owner", ""},
    {" socket_group gid ", "socket.unix_group", ""},
    {" socket_mode permissions ", "socket.unix_mode", ""},
    {" congestion_control cc tcp_congestion ", "socket.congestion", ""},
    {" rate_limit ratelimit max_rate maxconnrate rate_limit_sessions limit_req cps "
     "connections_per_second conn_rate connection_rate rate ",
     "new_connections", ""},
    {" per_ip max_per_ip connections_per_ip limit_conn limit_conn_zone stick_table source_limit "
     "per_client ",
     "per_source.max_connections", ""},
    {" limit_rate proxy_download_rate proxy_upload_rate bandwidth_limit bwlim speed throttle ",
     "bandwidth.per_connection", ""},
    {" send_proxy send_proxy_v2 send_proxy_v2_ssl send_proxy_v2_ssl_cn ", "upstreams[].send_proxy",
     ""},
    {" proxy_protocol accept_proxy proxyprotocol use_proxy_protocol expect_proxy ",
     "proxy_protocol.accept", ""},
    {" trusted trusted_ips trustedips real_ip set_real_ip_from ", "proxy_protocol.trusted", ""},
    {" proxy_protocol_timeout proxy_header_timeout ", "proxy_protocol.timeout", ""},
    {" allow acl acls whitelist allowlist tcp_request ip_allow_list ", "access.allow", ""},
    {" deny blacklist denylist ", "access.deny", ""},
    {" lame_duck ", "shutdown.lame_duck", ""},
    {" drain_window close_spread_time ", "shutdown.drain_window", ""},
    {" on_removed ", "upstreams[].on_removed", ""},
    {" watch ", "reload.watch", ""},
    {" source source_ip proxy_bind outbound_ip usesrc bind_source egress upstream_bind_config ",
     "upstreams[].source_address", ""},
    {" log_level loglevel verbosity error_log logging ", "log.level", ""},
    {" log_format logformat ", "log.format", ""},
    {" access_log_path accesslog access_logs log_file logfile ", "access_log.path", ""},
    {" buffer_size bufsize proxy_buffer_size tune_bufsize buffer "
     "per_connection_buffer_limit_bytes ",
     "buffers.per_direction", ""},
    {" memory max_memory memory_limit memlimit ", "limits.buffer_memory", ""},
    {" stats_interval report_interval statistics ", "stats.interval", ""},
    {" global main settings options general config ", "",
     "there is no such section here: the sections are runtime, limits, buffers, shutdown, reload, "
     "upgrade, stats, log, access_log and defaults"},
    {" x anchors anchor aliases alias templates template common shared ", "",
     "keys that hold anchors begin with \"x-\", such as \"x-common\""},
    // What is always so, or not here for good.
    {" tcp_nodelay nodelay ", "", "TCP_NODELAY is always on: leave the key out"},
    {" reuseport reuse_port so_reuseport ", "",
     "every worker accepts at every address: leave the key out"},
    {" mode protocol proto network transport type ", "",
     "Sluice forwards TCP and UNIX streams, and nothing has to say so: leave the key out"},
    {" type ", "health.check", ""},
    {" daemon background foreground pidfile pid master_worker ", "",
     "Sluice runs in the foreground, under a service manager: leave the key out"},
    {" nameserver nameservers resolver resolvers dns_servers ", "dns.servers", ""},
    {" udp ", "", "UDP is not supported"},
    {" http headers header add_header location locations path paths rewrite cookie cookies gzip "
     "compression cache middlewares mode_http option forwardfor x_forwarded_for routers router "
     "virtual_hosts http_filters filter_chains filters ",
     "", "Sluice does not look into HTTP: it forwards the bytes of a connection"},
    {" tls ssl cert certs certificate certificates ssl_certificate ssl_certificate_key crt ca key "
     "private_key cert_file key_file ciphers tls_options transport_socket acme ",
     "", "TLS is not supported yet: Sluice forwards it as it is, to an upstream that speaks it"},
    // What is not here yet.
    {" disabled down enabled zone ", "",
     "an endpoint with weight: 0 gets no new connections, and `sluice ctl drain` takes one out"},
    {" ssl_preread tls_inspector listener_filters rules rule match use_server_names filter_chain "
     "filter_chain_match route_rules map ",
     "listeners[].routes", ""},
    {" server_name server_names hostsni host_sni req_ssl_sni req_ssl_hello_type ssl_fc_sni domains "
     "host domain hostname hostnames ssl_preread_server_name ",
     "listeners[].routes[].sni", ""},
    {" req_ssl_alpn alpn_protocols application_protocols ssl_preread_alpn_protocols ",
     "listeners[].routes[].alpn", ""},
    {" preread_timeout inspect_delay listener_filters_timeout matching_timeout ",
     "listeners[].preread.timeout", ""},
    {" preread_buffer_size ", "",
     "a listener with routes reads up to 64 KiB of a hello: leave the key out"},
    {" discovery service_discovery providers ", "upstreams[].discover", ""},
    {" api dashboard prometheus stats_socket admin_address management ", "admin.bind", ""},
    {" metrics status ping readiness probes ", "admin.probe_bind", ""},
    {" password api_key bearer_token ", "admin.token", ""},
    {" tracing web ", "", "this is not supported yet; metrics are at admin.bind"},
    {" include includes include_dir import imports ", "",
     "other files are named by include: [conf.d/*.yaml] at the top of the file"},
    {" run_as setuid username ", "user", ""},
    {" setgid groupname ", "group", ""},
    {" seccomp ", "sandbox", ""},
    {" rlimit_core worker_rlimit_core set_dumpable coredump ", "core_dumps", ""},
    {" chroot ", "", "user and sandbox restrict the process; a service manager gives it a root"},
});

}  // namespace

std::span<const Foreign> Vocabulary() { return kVocabulary; }

std::string SnakeCase(std::string_view key) {
  std::string snake;
  for (size_t i = 0; i < key.size(); ++i) {
    const char c = key[i];
    const bool is_upper = c >= 'A' && c <= 'Z';
    const bool after_lower =
        i > 0 && ((key[i - 1] >= 'a' && key[i - 1] <= 'z') || IsAsciiDigit(key[i - 1]));
    if (is_upper && after_lower) snake += '_';
    snake += c == '-' || c == ' ' || c == '.' ? '_' : absl::ascii_tolower(static_cast<uint8_t>(c));
  }
  return snake;
}

const Foreign* FindForeign(std::string_view key) {
  const std::vector<const Foreign*> all = FindAllForeign(key);
  return all.empty() ? nullptr : all.front();
}

std::vector<const Foreign*> FindAllForeign(std::string_view key) {
  if (key.empty() || key.find(' ') != key.npos) return {};
  const std::string snake = Cat(" ", SnakeCase(key), " ");
  std::vector<const Foreign*> all;
  for (const Foreign& foreign : kVocabulary) {
    if (foreign.words.find(snake) != foreign.words.npos) all.push_back(&foreign);
  }
  return all;
}

}  // namespace sluice::conf
