"""One lifelike event, or a few, of every type a server may send."""

from __future__ import annotations

from moksori.protocol import items as it
from moksori.protocol import response as rs
from moksori.protocol import server_events as ev
from moksori.protocol import session as ses
from moksori.protocol.errors import Error, ErrorDetail

SESSION = ses.default_session("sess_1", "moksori-local", 1_800_000_000, instructions="Be brief.")
FULL_SESSION = ses.RealtimeSession(
    id="sess_2",
    model="m",
    expires_at=1_800_000_000,
    output_modalities=("text",),
    tools=(
        ses.FunctionTool("find_order", "Finds an order.", {"type": "object", "properties": {}}),
        ses.McpTool("shop", server_url="https://shop.example/mcp", require_approval="always"),
        ses.McpTool(
            "mail",
            connector_id="connector_gmail",
            allowed_tools=ses.McpToolFilter(read_only=True),
            require_approval=ses.McpApprovalFilter(never=ses.McpToolFilter(tool_names=("search",))),
        ),
    ),
    tool_choice=ses.ToolChoiceMcp("shop", "find"),
    max_output_tokens=200,
    tracing=ses.TracingConfiguration("w", "g", {"k": "v"}),
    truncation=ses.RetentionRatio(0.8, ses.TokenLimits(1000)),
    prompt=ses.Prompt("pmpt_1", "2", {"who": "Kim", "what": it.InputText("an order")}),
    include=("item.input_audio_transcription.logprobs",),
    parallel_tool_calls=True,
    reasoning=ses.Reasoning("low"),
    audio=ses.Audio(
        ses.AudioInput(
            ses.PcmuFormat(),
            ses.Transcription("whisper-1", "ko", "shop", keywords=("목소리",)),
            ses.NoiseReduction("far_field", 0.5),
            ses.SemanticVad("high"),
        ),
        ses.AudioOutput(ses.PcmaFormat(), "marin", 1.25),
    ),
)
HEARD = it.Message("user", (it.InputAudio(),), "item_1", "completed")
SPOKEN = it.Message("assistant", (it.OutputAudio("Hello."),), "item_2", "completed")
CALL = it.FunctionCall("find_order", '{"id":"W1"}', "call_1", "item_3", "completed")
MCP_CALL = it.McpCall("shop", "find", "{}", "mcp_1", "mcpr_1", "ok")
ITEMS: tuple[it.Item, ...] = (
    HEARD,
    SPOKEN,
    CALL,
    it.Message("system", (it.InputText("Be brief."),), "item_4", "completed"),
    it.Message("user", (it.InputText("안녕하세요"), it.InputImage("data:image/png;base64,AA==")), "item_5"),
    it.Message("assistant", (), "item_6", "in_progress"),
    it.Message("assistant", (it.OutputText("Hi."),), "item_7", "incomplete", "final_answer"),
    it.FunctionCallOutput("call_1", '{"status":"shipped"}', "item_8"),
    it.McpListTools("shop", (it.McpListedTool("find", {"type": "object"}, "Finds."),), "mcpl_1"),
    MCP_CALL,
    it.McpCall("shop", "find", "{}", "mcp_2", error=it.McpProtocolError(-32600, "no")),
    it.McpCall("shop", "find", "{}", "mcp_3", error=it.McpToolExecutionError("no")),
    it.McpCall("shop", "find", "{}", "mcp_4", error=it.McpHttpError(502, "no")),
    it.McpApprovalRequest("shop", "find", "{}", "mcpr_1"),
    it.McpApprovalResponse("mcpr_1", True, "item_9", "fine"),
)
RUNNING = rs.Response(id="resp_1", status="in_progress", conversation_id="conv_1", metadata={"k": "v"})
USAGE = rs.Usage(
    253,
    132,
    121,
    rs.InputTokenDetails(119, 13, 0, 64, rs.CachedTokensDetails(64, 0, 0)),
    rs.OutputTokenDetails(30, 91, 8),
    {"cost": 12, "currency": "USD", "budget_left": None, "latency_ms": 420},
)


def _over(status: rs.ResponseStatus, details: rs.StatusDetails | None) -> rs.Response:
    return rs.Response(
        id="resp_1",
        status=status,
        status_details=details,
        output=(SPOKEN, CALL),
        conversation_id="conv_1",
        audio=rs.ResponseAudio(rs.ResponseAudioOutput(ses.PcmFormat(), "alloy")),
        usage=USAGE,
    )


_AT = {"response_id": "resp_1", "item_id": "item_2", "output_index": 0, "content_index": 0}
_CALL_AT = {"response_id": "resp_1", "item_id": "item_3", "output_index": 1, "call_id": "call_1"}
_MCP_AT = {"item_id": "mcp_1", "output_index": 0}
_SPAN = {"audio_start_ms": 1460, "audio_end_ms": 4256, "item_id": "item_1"}

EVENTS: tuple[ev.ServerEvent, ...] = (
    ev.SessionCreated("event_1", SESSION),
    ev.SessionCreated("event_1", SESSION, ev.Resume(True, 1200, False)),
    ev.SessionCreated("event_1", ses.default_transcription_session("sess_3", 1_800_000_000)),
    ev.SessionUpdated("event_1", FULL_SESSION, "sess_2", 431),
    ev.ConversationCreated("event_1", ev.Conversation("conv_1")),
    *(ev.ConversationItemAdded("event_1", item, "item_0") for item in ITEMS),
    ev.ConversationItemAdded("event_1", HEARD),
    *(ev.ConversationItemDone("event_1", item, "item_0") for item in ITEMS),
    ev.ConversationItemRetrieved("event_1", it.Message("user", (it.InputAudio("AAAA", "hi"),), "item_1")),
    ev.ConversationItemTruncated("event_1", "item_2", 0, 1500),
    ev.ConversationItemDeleted("event_1", "item_2"),
    ev.ConversationItemInputAudioTranscriptionDelta("event_1", "item_1", 0, "안녕"),
    ev.ConversationItemInputAudioTranscriptionCompleted(
        "event_1",
        "item_1",
        0,
        "안녕하세요",
        ev.TranscriptionSeconds(3),
        (ev.TranscriptionLanguage("ko"),),
        (ev.Logprob("안", -0.1, (236, 149, 136)),),
    ),
    ev.ConversationItemInputAudioTranscriptionCompleted(
        "event_1", "item_1", 0, "hi", ev.TranscriptionTokens(27, 3, 30, ev.TranscriptionTokenDetails(0, 27))
    ),
    ev.ConversationItemInputAudioTranscriptionSegment("event_1", "item_1", 0, "seg_1", "hi", "A", 0.5, 1.25),
    ev.ConversationItemInputAudioTranscriptionFailed(
        "event_1", "item_1", 0, ev.TranscriptionFailure("server_error", "stt_failed", "It failed.")
    ),
    Error("event_1", ErrorDetail("Unknown parameter: 'x'.", code="unknown_parameter", param="x")),
    ev.RateLimitsUpdated("event_1", (ev.RateLimit("tokens", 15000, 14500, 1.5),)),
    ev.InputAudioBufferSpeechStarted("event_1", 1460, "item_1"),
    ev.InputAudioBufferSpeechStopped("event_1", 4256, "item_1"),
    ev.InputAudioBufferCommitted("event_1", "item_1", "item_0"),
    ev.InputAudioBufferCommitted("event_1", "item_1"),
    ev.InputAudioBufferCleared("event_1"),
    ev.InputAudioBufferTimeoutTriggered("event_1", **_SPAN),
    ev.InputAudioBufferDtmfEventReceived("9", 1_800_000_000),
    ev.ResponseCreated("event_1", RUNNING),
    ev.ResponseDone("event_1", _over("completed", None)),
    ev.ResponseDone("event_1", _over("cancelled", rs.StatusDetails("cancelled", "turn_detected"))),
    ev.ResponseDone("event_1", _over("incomplete", rs.StatusDetails("incomplete", "max_output_tokens"))),
    ev.ResponseDone(
        "event_1",
        _over(
            "failed", rs.StatusDetails("failed", error=rs.StatusError("server_error", "brain_gone", "No."))
        ),
    ),
    ev.ResponseOutputItemAdded("event_1", "resp_1", 0, it.Message("assistant", (), "item_2", "in_progress")),
    ev.ResponseOutputItemAdded(
        "event_1", "resp_1", 1, it.FunctionCall("find_order", "", "call_1", "item_3", "in_progress")
    ),
    ev.ResponseOutputItemDone("event_1", "resp_1", 1, CALL),
    ev.ResponseContentPartAdded("event_1", **_AT, part=ev.Part("audio", transcript="")),
    ev.ResponseContentPartDone("event_1", **_AT, part=ev.Part("text", text="Hi.")),
    ev.ResponseOutputTextDelta("event_1", **_AT, delta="Hi"),
    ev.ResponseOutputTextDone("event_1", **_AT, text="Hi."),
    ev.ResponseOutputAudioDelta("event_1", **_AT, delta="AAAA"),
    ev.ResponseOutputAudioDone("event_1", **_AT),
    ev.ResponseOutputAudioTranscriptDelta("event_1", **_AT, delta="Hi"),
    ev.ResponseOutputAudioTranscriptDone("event_1", **_AT, transcript="Hi."),
    ev.ResponseFunctionCallArgumentsDelta("event_1", **_CALL_AT, delta="{"),
    ev.ResponseFunctionCallArgumentsDone("event_1", **_CALL_AT, name="find_order", arguments="{}"),
    ev.ResponseMcpCallArgumentsDelta("event_1", response_id="resp_1", **_MCP_AT, delta="{"),
    ev.ResponseMcpCallArgumentsDone("event_1", response_id="resp_1", **_MCP_AT, arguments="{}"),
    ev.ResponseMcpCallInProgress("event_1", **_MCP_AT),
    ev.ResponseMcpCallCompleted("event_1", **_MCP_AT),
    ev.ResponseMcpCallFailed("event_1", **_MCP_AT),
    ev.McpListToolsInProgress("event_1", "mcpl_1"),
    ev.McpListToolsCompleted("event_1", "mcpl_1"),
    ev.McpListToolsFailed("event_1", "mcpl_1"),
    ev.OutputAudioBufferStarted("event_1", "resp_1"),
    ev.OutputAudioBufferStopped("event_1", "resp_1"),
    ev.OutputAudioBufferCleared("event_1", "resp_1"),
)
EXTENDED: tuple[ev.ExtendedEvent, ...] = (
    ev.ConversationItemCreated("event_1", HEARD),
    ev.ConversationItemCompleted("event_1", HEARD, "item_0"),
    ev.SessionExpired("event_1", "sess_1", 1_800_000_000),
    ev.ToolStarted("event_1", "call_1", "find_orders"),
    ev.ToolDone(
        "event_1", "call_1", "cancel_order", "proposed", "Order 1001 is cancelled. Shall I go ahead?"
    ),
    ev.ProposalEnded("event_1", "call_1"),
)
