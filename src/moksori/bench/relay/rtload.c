/* Load for a Realtime relay, and the upstream behind it, in one program that costs the relay nothing.
 *
 *   rtload mock PORT [--tls CERT KEY]     an upstream: greets, answers each append with a delta of the same size
 *   rtload paced|flat|idle|stall|open HOST PORT PATH KEY --sessions N --frame-ms MS --seconds S [--tls] [--window W]
 *                                                        [--answer-every S] [--vanish]
 *
 * paced: each session sends one append every MS, at evenly spread phases, whatever comes back (open loop).
 * flat:  each session keeps W appends under way. idle: connected, silent. stall: sends, never reads.
 *        With --answer-every, each session also asks for an answer every S seconds; the mock's has a usage and no sound.
 *        Sessions end with a close frame; with --vanish, without.
 * open:  N sessions are opened, greeted and closed, W at a time; the rate is what counts.
 *
 * Every append carries its session, number and send time in the first 24 characters of its audio, and the mock hands
 * them back, so loss, order and round trip are checked message by message. The result is one JSON line on stdout; after
 * `paced` it says for each session its id, appends sent, deltas got, answers asked for and had. The mock says the same
 * of what came to it, by the sessions that the appends name, for each line on its stdin.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 20, MAX_SESSIONS = 4096, MAX_RTTS = 8 << 20, STAMP = 24, GUARD_S = 30 };
#define SESSION                                                                                                    \
  "{\"type\":\"realtime\",\"object\":\"realtime.session\",\"id\":\"sess_mock\",\"model\":\"mock\",\"expires_at\":4102444800}"
#define USAGE                                                                                                      \
  "{\"total_tokens\":171,\"input_tokens\":120,\"output_tokens\":51,\"input_token_details\":{\"text_tokens\":20,"       \
  "\"audio_tokens\":100,\"cached_tokens\":0},\"output_token_details\":{\"text_tokens\":11,\"audio_tokens\":40}}"
static const char APPEND[] = "{\"type\":\"input_audio_buffer.append\",\"audio\":\"";

typedef struct {
  int fd, upgraded, greeted, want_write, index, over;
  SSL *ssl;
  uint8_t *in;
  size_t in_len, in_cap;
  uint8_t *out;
  size_t out_len, out_cap;
  uint64_t next_at, sent, got, ask_at, asked, answered;
  char id[64];
} Conn;

static int epoll_fd, is_server, deaf;
static SSL_CTX *tls;
static Conn conns[MAX_SESSIONS];
static uint32_t *rtts;
static size_t rtt_count;
static uint64_t sent_total, got_total, wrong, asked, answered, cost_micro;
static uint64_t heard[MAX_SESSIONS], heard_wrong; /* at the mock: appends of each session, and those out of their order */
static size_t audio_chars = 1280;

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
  fprintf(stderr, "rtload: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void reserve(uint8_t **data, size_t *cap, size_t need) {
  if (need <= *cap) return;
  while (*cap < need) *cap = *cap ? *cap * 2 : 8192;
  if (!(*data = realloc(*data, *cap))) die("memory");
}

static void watch(Conn *c, int op) {
  struct epoll_event e = {.events = (deaf ? 0 : EPOLLIN) | (c->want_write ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(epoll_fd, op, c->fd, &e);
}

static void finish(Conn *c) {
  if (c->fd < 0) return;
  if (c->ssl) SSL_free(c->ssl);
  close(c->fd);
  free(c->in);
  free(c->out);
  c->fd = -1;
  c->over = 1;
  c->in = c->out = NULL;
  c->in_len = c->in_cap = c->out_len = c->out_cap = 0;
}

/* 1 more to do later, 0 done, -1 the connection is over */
static int flush_out(Conn *c) {
  size_t done = 0;
  int reading = 0; /* in a TLS handshake it is the peer's turn: what waits goes out after the next read */
  while (done < c->out_len) {
    ssize_t n;
    if (c->ssl) {
      n = SSL_write(c->ssl, c->out + done, (int)(c->out_len - done));
      if (n <= 0) {
        int why = SSL_get_error(c->ssl, (int)n);
        if (why != SSL_ERROR_WANT_WRITE && why != SSL_ERROR_WANT_READ) return -1;
        reading = why == SSL_ERROR_WANT_READ;
        break;
      }
    } else {
      n = send(c->fd, c->out + done, c->out_len - done, MSG_NOSIGNAL);
      if (n < 0) {
        if (errno != EAGAIN) return -1;
        break;
      }
    }
    done += (size_t)n;
  }
  memmove(c->out, c->out + done, c->out_len - done);
  c->out_len -= done;
  int want = c->out_len > 0 && !reading;
  if (want != c->want_write) {
    c->want_write = want;
    watch(c, EPOLL_CTL_MOD);
  }
  return want;
}

static void put(Conn *c, const void *data, size_t n) {
  reserve(&c->out, &c->out_cap, c->out_len + n);
  memcpy(c->out + c->out_len, data, n);
  c->out_len += n;
}

static void put_frame(Conn *c, int opcode, const void *data, size_t n) {
  uint8_t head[14];
  size_t at = 2;
  uint8_t bit = is_server ? 0 : 0x80;
  head[0] = 0x80 | (uint8_t)opcode;
  if (n < 126) head[1] = bit | (uint8_t)n;
  else if (n < 65536) {
    head[1] = bit | 126, head[2] = (uint8_t)(n >> 8), head[3] = (uint8_t)n, at = 4;
  } else {
    head[1] = bit | 127;
    for (int i = 0; i < 8; i++) head[2 + i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
    at = 10;
  }
  uint32_t mask = 0;
  if (!is_server) {
    mask = (uint32_t)rand() | 1;
    memcpy(head + at, &mask, 4), at += 4;
  }
  put(c, head, at);
  reserve(&c->out, &c->out_cap, c->out_len + n);
  const uint8_t *from = data;
  uint8_t *to = c->out + c->out_len, *m = (uint8_t *)&mask;
  for (size_t i = 0; i < n; i++) to[i] = from[i] ^ m[i & 3];
  c->out_len += n;
}

/* The text of a string by its key, however the JSON is spaced; NULL where it is not. */
static const char *value_of(const char *text, size_t n, const char *key) {
  const char *end = text + n, *at = memmem(text, n, key, strlen(key));
  if (!at) return NULL;
  for (at += strlen(key); at < end && (*at == ' ' || *at == ':'); at++) {}
  return at < end && *at == '"' ? at + 1 : NULL;
}

static void send_append(Conn *c) {
  static char message[BUFFER];
  size_t n = sizeof APPEND - 1;
  memcpy(message, APPEND, n);
  /* digits are base64 too */
  n += (size_t)sprintf(message + n, "%04d%06u%014llu", c->index % 10000, (unsigned)(c->sent % 1000000),
                       (unsigned long long)(now_ns() / 1000 % 100000000000000ull));
  memset(message + n, 'A', audio_chars - STAMP), n += audio_chars - STAMP;
  memcpy(message + n, "\"}", 2), n += 2;
  put_frame(c, 1, message, n);
  c->sent++, sent_total++;
  if (flush_out(c) < 0) finish(c);
}

static void send_ask(Conn *c) {
  static const char create[] = "{\"type\":\"response.create\"}";
  put_frame(c, 1, create, sizeof create - 1);
  asked++, c->asked++;
  if (flush_out(c) < 0) finish(c);
}

static void put_answer(Conn *c) {
  static char text[2048];
  unsigned long long n = ++c->sent;
  answered++;
  for (int done = 0; done < 2; done++) {
    int size = snprintf(text, sizeof text,
                        "{\"type\":\"response.%s\",\"event_id\":\"event_r%llu_%d\",\"response\":{\"object\":\"realtime.response\","
                        "\"id\":\"resp_r%llu\",\"status\":\"%s\",\"status_details\":null,\"output\":[],\"metadata\":null,\"usage\":%s}}",
                        done ? "done" : "created", n, done, n, done ? "completed" : "in_progress", done ? USAGE : "null");
    put_frame(c, 1, text, (size_t)size);
  }
}

static void on_server_message(Conn *c, const char *text, size_t n) {
  if (memmem(text, n < 64 ? n : 64, "\"session.update\"", 16)) {
    static const char updated[] = "{\"type\":\"session.updated\",\"event_id\":\"event_1\",\"session\":" SESSION "}";
    put_frame(c, 1, updated, sizeof updated - 1);
    return;
  }
  if (memmem(text, n < 64 ? n : 64, "\"response.create\"", 17)) return put_answer(c);
  const char *from = value_of(text, n, "\"audio\"");
  if (!from || !memmem(text, n, "input_audio_buffer.append", 25)) return;
  static char reply[BUFFER];
  const char *end = memchr(from, '"', (size_t)(text + n - from));
  if (!end || end - from < STAMP) return;
  char stamp[11] = {0};
  memcpy(stamp, from, 10);
  uint64_t number = (uint64_t)atoi(stamp + 4);
  stamp[4] = 0;
  uint64_t *known = &heard[atoi(stamp) % MAX_SESSIONS];
  if (number != c->got % 1000000) heard_wrong++;
  ++*known;
  size_t m = (size_t)snprintf(reply, sizeof reply,
                              "{\"type\":\"response.output_audio.delta\",\"event_id\":\"event_%llu\",\"response_id\":\"resp_1\","
                              "\"item_id\":\"item_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"",
                              (unsigned long long)c->got++);
  memcpy(reply + m, from, (size_t)(end - from)), m += (size_t)(end - from);
  memcpy(reply + m, "\"}", 2), m += 2;
  put_frame(c, 1, reply, m);
}

static void on_client_message(Conn *c, const char *text, size_t n) {
  const char *delta = value_of(text, n, "\"delta\"");
  if (!delta) {
    if (memmem(text, n, "\"session.created\"", 17)) {
      const char *id = memmem(text, n, "\"sess_", 6);
      if (id) snprintf(c->id, sizeof c->id, "%.*s", (int)strcspn(id + 1, "\""), id + 1);
      c->greeted = 1;
    }
    else if (memmem(text, n < 128 ? n : 128, "\"response.done\"", 15)) {
      answered++, c->answered++;
      const char *cost = value_of(text, n, "\"cost\"");
      if (cost) cost_micro += (uint64_t)(strtod(cost, NULL) * 1e6 + 0.5);
    }
    return;
  }
  char stamp[STAMP + 1] = {0};
  memcpy(stamp, delta, STAMP);
  unsigned long long at = strtoull(stamp + 10, NULL, 10);
  stamp[10] = 0;
  if ((uint64_t)atoi(stamp + 4) != c->got % 1000000) wrong++;
  stamp[4] = 0;
  if (atoi(stamp) != c->index % 10000) wrong++;
  c->got++, got_total++;
  uint64_t us = (now_ns() / 1000) % 100000000000000ull - at;
  if (rtt_count < MAX_RTTS) rtts[rtt_count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static void accept_key(const char *key, size_t n, char *out) {
  uint8_t digest[SHA_DIGEST_LENGTH];
  char joined[128];
  int m = snprintf(joined, sizeof joined, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)n, key);
  SHA1((uint8_t *)joined, (size_t)m, digest);
  EVP_EncodeBlock((uint8_t *)out, digest, SHA_DIGEST_LENGTH);
}

static int handshake(Conn *c) {
  uint8_t *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
  if (!end) return 0;
  if (is_server) {
    char *key = strcasestr((char *)c->in, "sec-websocket-key:"), accept[64], reply[512];
    if (!key) return -1;
    key += 18;
    while (*key == ' ') key++;
    accept_key(key, strcspn(key, "\r\n "), accept);
    char *offered = strcasestr((char *)c->in, "sec-websocket-protocol:");
    int n = snprintf(reply, sizeof reply,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: %s\r\n%s\r\n",
                     accept, offered && strstr(offered, "realtime") ? "Sec-WebSocket-Protocol: realtime\r\n" : "");
    put(c, reply, (size_t)n);
    static const char hello[] = "{\"type\":\"session.created\",\"event_id\":\"event_0\",\"session\":" SESSION "}";
    put_frame(c, 1, hello, sizeof hello - 1);
  } else if (!memmem(c->in, 16, " 101 ", 5)) {
    fprintf(stderr, "rtload: refused: %.*s\n", (int)strcspn((char *)c->in, "\r\n"), c->in);
    return -1;
  }
  size_t used = (size_t)(end + 4 - c->in);
  memmove(c->in, c->in + used, c->in_len - used);
  c->in_len -= used;
  c->upgraded = 1;
  return 1;
}

/* Whole frames out of the buffer; -1 when the connection is over. */
static int take_frames(Conn *c) {
  size_t at = 0;
  for (;;) {
    size_t left = c->in_len - at;
    if (left < 2) break;
    uint8_t *f = c->in + at;
    size_t n = f[1] & 0x7f, head = 2;
    if (n == 126) {
      if (left < 4) break;
      n = (size_t)f[2] << 8 | f[3], head = 4;
    } else if (n == 127) {
      if (left < 10) break;
      n = 0;
      for (int i = 0; i < 8; i++) n = n << 8 | f[2 + i];
      head = 10;
    }
    int masked = f[1] >> 7;
    if (left < head + 4u * (unsigned)masked + n) break;
    uint8_t *payload = f + head + 4 * masked;
    if (masked)
      for (size_t i = 0; i < n; i++) payload[i] ^= f[head + (i & 3)];
    int opcode = f[0] & 0xf;
    at += head + 4u * (unsigned)masked + n;
    if (opcode == 8) return -1;
    if (opcode == 9) put_frame(c, 10, payload, n);
    if (opcode == 1) is_server ? on_server_message(c, (char *)payload, n) : on_client_message(c, (char *)payload, n);
  }
  memmove(c->in, c->in + at, c->in_len - at);
  c->in_len -= at;
  return 0;
}

static void on_readable(Conn *c) {
  for (;;) {
    reserve(&c->in, &c->in_cap, c->in_len + 65536 + 1);
    ssize_t n = c->ssl ? SSL_read(c->ssl, c->in + c->in_len, 65536) : recv(c->fd, c->in + c->in_len, 65536, 0);
    if (n <= 0) {
      int again = c->ssl ? SSL_get_error(c->ssl, (int)n) == SSL_ERROR_WANT_READ : n < 0 && errno == EAGAIN;
      if (!again) finish(c);
      break;
    }
    c->in_len += (size_t)n;
    c->in[c->in_len] = 0;
    if (!c->upgraded && handshake(c) < 0) return finish(c);
    if (c->upgraded && take_frames(c) < 0) return finish(c);
    if (n < 65536 && !c->ssl) break;
  }
  if (c->fd >= 0 && c->out_len && flush_out(c) < 0) finish(c);
}

static void non_blocking(int fd) {
  int one = 1;
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static void tell_heard(void) {
  printf("{\"out_of_order\":%llu,\"answered\":%llu,\"heard\":[", (unsigned long long)heard_wrong, (unsigned long long)answered);
  int last = MAX_SESSIONS - 1;
  while (last > 0 && !heard[last]) last--;
  for (int i = 0; i <= last; i++) printf(i ? ",%llu" : "%llu", (unsigned long long)heard[i]);
  printf("]}\n");
  fflush(stdout);
}

__attribute__((noreturn)) static void mock(int port, const char *cert, const char *key) {
  is_server = 1;
  if (cert) {
    tls = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1 || SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
      die("certificate");
  }
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof a;
  if (bind(listener, (void *)&a, sizeof a) || listen(listener, 4096)) die("listen");
  getsockname(listener, (void *)&a, &size);
  printf("%d\n", ntohs(a.sin_port));
  fflush(stdout);
  fcntl(listener, F_SETFL, O_NONBLOCK);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
  static Conn questions; /* stdin; not there where it is no pipe */
  struct epoll_event q = {.events = EPOLLIN, .data.ptr = &questions};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &q);
  for (;;) {
    int n = epoll_wait(epoll_fd, events, 256, -1);
    for (int i = 0; i < n; i++) {
      Conn *c = events[i].data.ptr;
      if (c == &questions) {
        char line[64];
        if (read(0, line, sizeof line) > 0) tell_heard();
        else epoll_ctl(epoll_fd, EPOLL_CTL_DEL, 0, NULL);
        continue;
      }
      if (c) {
        if (c->fd >= 0 && events[i].events & EPOLLOUT && flush_out(c) < 0) finish(c);
        if (c->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(c);
        if (c->over) free(c);
        continue;
      }
      int fd;
      while ((fd = accept(listener, NULL, NULL)) >= 0) {
        non_blocking(fd);
        Conn *fresh = calloc(1, sizeof *fresh);
        fresh->fd = fd;
        if (tls) {
          fresh->ssl = SSL_new(tls);
          SSL_set_fd(fresh->ssl, fd);
          SSL_set_accept_state(fresh->ssl);
        }
        watch(fresh, EPOLL_CTL_ADD);
      }
    }
  }
}

static const char *host, *path, *key;
static int port;

static void dial(Conn *c, int index) {
  memset(c, 0, sizeof *c);
  c->index = index;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, host, &a.sin_addr);
  if (connect(c->fd, (void *)&a, sizeof a)) die("connect");
  if (tls) {
    c->ssl = SSL_new(tls);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl); /* the handshake runs beside the other connections */
  }
  non_blocking(c->fd);
  char request[1024];
  int n = snprintf(request, sizeof request,
                   "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n",
                   path, host, port, key);
  put(c, request, (size_t)n);
  watch(c, EPOLL_CTL_ADD);
  if (flush_out(c) < 0) finish(c);
}

static void turn(int timeout_ms) {
  struct epoll_event events[256];
  int n = epoll_wait(epoll_fd, events, 256, timeout_ms);
  for (int i = 0; i < n; i++) {
    Conn *c = events[i].data.ptr;
    if (c->fd >= 0 && events[i].events & EPOLLOUT && flush_out(c) < 0) finish(c);
    if (c->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(c);
  }
}

static int ascending(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static int open_all(int sessions, int at_once) {
  uint64_t until = now_ns() + (uint64_t)GUARD_S * 1000000000u;
  int dialled = 0, greeted = 0;
  while (greeted < sessions && now_ns() < until) {
    while (dialled < sessions && dialled - greeted < at_once) dial(&conns[dialled], dialled), dialled++;
    turn(100);
    greeted = 0;
    for (int i = 0; i < dialled; i++) {
      if (conns[i].over) return greeted;
      greeted += conns[i].greeted;
    }
  }
  return greeted;
}

int main(int argc, char **argv) {
  int sessions = 50, frame_ms = 20, window = 8, use_tls = 0, vanish = 0;
  double seconds = 5, answer_every = 0;
  signal(SIGPIPE, SIG_IGN);
  epoll_fd = epoll_create1(0);
  if (argc >= 3 && !strcmp(argv[1], "mock"))
    mock(atoi(argv[2]), argc >= 6 ? argv[4] : NULL, argc >= 6 ? argv[5] : NULL);
  if (argc < 6) return fprintf(stderr, "rtload: see the head of rtload.c\n"), 2;
  const char *mode = argv[1];
  host = argv[2], port = atoi(argv[3]), path = argv[4], key = argv[5];
  for (int i = 6; i < argc; i++) {
    if (!strcmp(argv[i], "--sessions")) sessions = atoi(argv[++i]);
    else if (!strcmp(argv[i], "--frame-ms")) frame_ms = atoi(argv[++i]);
    else if (!strcmp(argv[i], "--seconds")) seconds = atof(argv[++i]);
    else if (!strcmp(argv[i], "--answer-every")) answer_every = atof(argv[++i]);
    else if (!strcmp(argv[i], "--window")) window = atoi(argv[++i]);
    else if (!strcmp(argv[i], "--tls")) use_tls = 1;
    else if (!strcmp(argv[i], "--vanish")) vanish = 1;
  }
  if (sessions > MAX_SESSIONS) sessions = MAX_SESSIONS;
  audio_chars = (size_t)frame_ms * 48 / 3 * 4; /* 24 kHz, 16 bits, base64 */
  rtts = malloc(sizeof *rtts * MAX_RTTS);
  struct rlimit files = {MAX_SESSIONS + 64, MAX_SESSIONS + 64};
  setrlimit(RLIMIT_NOFILE, &files);
  if (use_tls) tls = SSL_CTX_new(TLS_client_method());

  if (!strcmp(mode, "open")) {
    uint64_t began = now_ns(), until = began + (uint64_t)GUARD_S * 1000000000u;
    int done = 0, dialled = 0, failed = 0;
    if (window > MAX_SESSIONS) window = MAX_SESSIONS;
    for (int i = 0; i < window && dialled < sessions; i++) dial(&conns[i], dialled++);
    while (done + failed < sessions && now_ns() < until) {
      turn(100);
      for (int i = 0; i < window; i++) {
        Conn *c = &conns[i];
        if (c->fd > 0 && c->greeted) finish(c), done++;
        else if (c->over && !c->greeted) failed++;
        else continue;
        if (dialled < sessions) dial(c, dialled++);
        else c->over = 0, c->greeted = 0, c->fd = -1;
      }
    }
    printf("{\"opened\":%d,\"failed\":%d,\"setup_per_s\":%.1f}\n", done, failed, done / ((double)(now_ns() - began) / 1e9));
    return 0;
  }

  int open_now = open_all(sessions, 16);
  printf("{\"sessions\":%d}\n", open_now); /* whoever measures the relay reads its counters now */
  fflush(stdout);
  char line[8];
  if (!fgets(line, sizeof line, stdin)) return 1;
  int paced = !strcmp(mode, "paced"), flat = !strcmp(mode, "flat");
  deaf = !strcmp(mode, "stall");
  if (deaf)
    for (int i = 0; i < open_now; i++) watch(&conns[i], EPOLL_CTL_MOD);
  uint64_t period = (uint64_t)frame_ms * 1000000u, began = now_ns(), end = began + (uint64_t)(seconds * 1e9);
  uint64_t pause = (uint64_t)(answer_every * 1e9);
  for (int i = 0; i < open_now; i++) {
    conns[i].next_at = began + period * (uint64_t)i / (uint64_t)open_now;
    conns[i].ask_at = began + pause * (uint64_t)i / (uint64_t)open_now;
  }
  while (now_ns() < end) {
    uint64_t now = now_ns(), soonest = end;
    for (int i = 0; i < open_now; i++) {
      Conn *c = &conns[i];
      if (c->fd < 0) continue;
      if (paced) {
        while (c->fd >= 0 && c->next_at <= now) c->next_at += period, send_append(c);
        if (c->next_at < soonest) soonest = c->next_at;
        if (pause && c->fd >= 0 && c->ask_at <= now) c->ask_at += pause, send_ask(c);
      } else if (flat) {
        while (c->fd >= 0 && c->sent - c->got < (uint64_t)window && !c->want_write) send_append(c);
      } else if (deaf) {
        while (c->fd >= 0 && !c->want_write) send_append(c);
      }
    }
    int64_t wait = paced ? (int64_t)(soonest - now_ns()) / 1000000 : 20;
    turn(wait < 0 ? 0 : (int)(wait > 20 ? 20 : wait));
  }
  uint64_t lasted = now_ns() - began;
  /* what is still on its way */
  for (uint64_t grace = now_ns() + 5000000000u; !deaf && (got_total < sent_total || answered < asked) && now_ns() < grace;) turn(50);
  int alive = 0;
  for (int i = 0; i < open_now; i++) alive += conns[i].fd >= 0;
  qsort(rtts, rtt_count, sizeof *rtts, ascending);
  printf("{\"sent\":%llu,\"received\":%llu,\"wrong\":%llu,\"alive\":%d,\"seconds\":%.3f,\"p50\":%u,\"p99\":%u,"
         "\"asked\":%llu,\"answered\":%llu,\"cost_micro\":%llu",
         (unsigned long long)sent_total, (unsigned long long)got_total, (unsigned long long)wrong, alive,
         (double)lasted / 1e9, rtt_count ? rtts[rtt_count / 2] : 0, rtt_count ? rtts[rtt_count * 99 / 100] : 0,
         (unsigned long long)asked, (unsigned long long)answered, (unsigned long long)cost_micro);
  if (paced) {
    printf(",\"each\":[");
    for (int i = 0; i < open_now; i++)
      printf("%s[\"%s\",%llu,%llu,%llu,%llu]", i ? "," : "", conns[i].id, (unsigned long long)conns[i].sent,
             (unsigned long long)conns[i].got, (unsigned long long)conns[i].asked, (unsigned long long)conns[i].answered);
    printf("]");
  }
  printf("}\n");
  fflush(stdout);
  int stay = fgets(line, sizeof line, stdin) != NULL; /* connected until the memory was read */
  if (vanish || deaf || stay < 0) return 0;
  static const uint8_t normal[] = {1000 >> 8, 1000 & 255};
  for (int i = 0; i < open_now; i++) {
    if (conns[i].fd < 0) continue;
    put_frame(&conns[i], 8, normal, sizeof normal);
    if (flush_out(&conns[i]) < 0) finish(&conns[i]);
  }
  for (uint64_t grace = now_ns() + 3000000000u; now_ns() < grace;) {
    int left = 0;
    for (int i = 0; i < open_now; i++) left += conns[i].fd >= 0;
    if (!left) break;
    turn(50);
  }
  return 0;
}
