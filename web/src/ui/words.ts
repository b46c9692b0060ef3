/** What the page and the widget say, in Korean and English. */

import type { Language } from "../texts.js";
import type { ToolState } from "../transcript.js";

export interface Words {
  title: string;
  tagline: string;
  name: string;
  status: Record<"connecting" | "connected" | "reconnecting" | "disconnected", string>;
  attempt: (n: number, of: number) => string;
  resumed: string;
  restarted: string;
  connect: string;
  disconnect: string;
  cancel: string;
  micStart: string;
  micStop: string;
  micAsking: string;
  micLevel: string;
  placeholder: string;
  textLabel: string;
  send: string;
  transcript: string;
  welcome: string;
  welcomeHint: string;
  suggestions: readonly string[];
  suggestionsLabel: string;
  you: string;
  agent: string;
  listening: string;
  thinking: string;
  idle: string;
  hearing: string;
  speaking: string;
  cutHere: string;
  confirmTitle: string;
  yes: string;
  no: string;
  yesWords: string;
  noWords: string;
  answered: Record<"yes" | "no" | "lapsed", string>;
  dismiss: string;
  settings: string;
  close: string;
  microphone: string;
  anyMicrophone: string;
  unnamedMicrophone: (n: number) => string;
  theme: string;
  themes: Record<"auto" | "light" | "dark", string>;
  language: string;
  key: string;
  keyHint: string;
  otherLanguage: string;
  latency: (seconds: string) => string;
  parts: (endOfTurn: string, answer: string, playback: string) => string;
  open: string;
  minimise: string;
  privacy: string;
  detail: string;
}

const KO: Words = {
  title: "목소리 상담",
  tagline: "말씀하시면 바로 답해 드립니다",
  name: "목소리",
  status: { connecting: "연결하는 중", connected: "연결됨", reconnecting: "다시 연결하는 중", disconnected: "연결되지 않음" },
  attempt: (n, of) => `다시 연결하는 중 (${n}/${of})`,
  resumed: "통화가 이어졌습니다.",
  restarted: "새 통화로 이어졌습니다. 앞의 대화는 기억하고 있습니다.",
  connect: "연결하기",
  disconnect: "연결 해제",
  cancel: "취소",
  micStart: "마이크 시작",
  micStop: "마이크 중지",
  micAsking: "마이크 허용을 기다리는 중",
  micLevel: "마이크 입력 크기",
  placeholder: "궁금한 점을 적어 주세요",
  textLabel: "메시지",
  send: "보내기",
  transcript: "대화 내용",
  welcome: "안녕하세요, 무엇을 도와드릴까요?",
  welcomeHint: "‘연결하기’를 누르고 말씀하시거나, 아래에 글로 적어 주세요.",
  suggestions: ["주문한 상품이 어디쯤 왔나요?", "교환하고 싶어요", "환불은 언제 되나요?", "상담원과 이야기하고 싶어요"],
  suggestionsLabel: "자주 묻는 말",
  you: "나",
  agent: "상담",
  listening: "듣고 있습니다",
  thinking: "답을 준비하고 있습니다",
  idle: "마이크가 꺼져 있습니다",
  hearing: "말씀하세요",
  speaking: "말하는 중 · 언제든 말씀하세요",
  cutHere: "여기까지 들으셨습니다",
  confirmTitle: "이대로 진행할까요?",
  yes: "네, 진행해 주세요",
  no: "아니요",
  yesWords: "네, 그렇게 진행해 주세요.",
  noWords: "아니요, 진행하지 말아 주세요.",
  answered: { yes: "진행하겠다고 답하셨습니다", no: "진행하지 않겠다고 답하셨습니다", lapsed: "이 변경은 진행하지 않습니다" },
  dismiss: "알림 닫기",
  settings: "설정",
  close: "닫기",
  microphone: "마이크",
  anyMicrophone: "기본 마이크",
  unnamedMicrophone: (n) => `마이크 ${n}`,
  theme: "화면",
  themes: { auto: "기기 설정에 맞춤", light: "밝게", dark: "어둡게" },
  language: "언어",
  key: "접속 키",
  keyHint: "서버가 키를 요구할 때만 필요합니다. 이 창을 닫으면 지워집니다.",
  otherLanguage: "English",
  latency: (s) => `응답 ${s}초`,
  parts: (a, b, c) => `말끝 ${a} · 답변 ${b} · 재생 ${c}`,
  open: "음성 상담 열기",
  minimise: "음성 상담 접기",
  privacy: "마이크는 켜져 있을 때만 사용합니다.",
  detail: "서버의 설명",
};

const EN: Words = {
  title: "Moksori voice service",
  tagline: "Just speak, and get an answer right away",
  name: "Moksori",
  status: { connecting: "Connecting", connected: "Connected", reconnecting: "Reconnecting", disconnected: "Not connected" },
  attempt: (n, of) => `Reconnecting (${n}/${of})`,
  resumed: "Your call carries on.",
  restarted: "Your call carries on as a new one. What was said is remembered.",
  connect: "Connect",
  disconnect: "Disconnect",
  cancel: "Cancel",
  micStart: "Start mic",
  micStop: "Stop mic",
  micAsking: "Waiting for you to allow the microphone",
  micLevel: "Microphone level",
  placeholder: "Type your question",
  textLabel: "Message",
  send: "Send",
  transcript: "Conversation",
  welcome: "Hello, how can we help you today?",
  welcomeHint: "Press Connect and speak, or type below.",
  suggestions: ["Where is my order?", "I'd like to exchange something", "When will I get my refund?", "I want to talk to a person"],
  suggestionsLabel: "Common questions",
  you: "You",
  agent: "Service",
  listening: "Listening",
  thinking: "Preparing an answer",
  idle: "The microphone is off",
  hearing: "Go ahead, speak",
  speaking: "Speaking · interrupt at any time",
  cutHere: "You heard up to here",
  confirmTitle: "Shall I go ahead with this?",
  yes: "Yes, go ahead",
  no: "No",
  yesWords: "Yes, please go ahead with that.",
  noWords: "No, please don't do that.",
  answered: { yes: "You said to go ahead", no: "You said not to", lapsed: "This change will not be made" },
  dismiss: "Dismiss",
  settings: "Settings",
  close: "Close",
  microphone: "Microphone",
  anyMicrophone: "Default microphone",
  unnamedMicrophone: (n) => `Microphone ${n}`,
  theme: "Appearance",
  themes: { auto: "As on this device", light: "Light", dark: "Dark" },
  language: "Language",
  key: "Access key",
  keyHint: "Only if the server asks for one. It is forgotten when you close this window.",
  otherLanguage: "한국어",
  latency: (s) => `Answered in ${s} s`,
  parts: (a, b, c) => `end of turn ${a} · answer ${b} · playback ${c}`,
  open: "Open voice service",
  minimise: "Close voice service",
  privacy: "The microphone is used only while it is on.",
  detail: "The server says",
};

export const WORDS: Record<Language, Words> = { ko: KO, en: EN };

interface ToolWords {
  fits: RegExp;
  ko: readonly [running: string, done: string];
  en: readonly [running: string, done: string];
}

/** What a tool does, by what its name speaks of; the first that fits. */
const TOOLS: readonly ToolWords[] = [
  { fits: /human|hand_?over|transfer|escalat|ticket/, ko: ["상담원에게 연결하고 있습니다", "상담원에게 내용을 전했습니다"], en: ["Handing over to a person", "Handed over to a person"] },
  { fits: /commit|confirm/, ko: ["요청을 처리하고 있습니다", "요청을 처리했습니다"], en: ["Carrying out your request", "Carried out your request"] },
  { fits: /cancel/, ko: ["취소할 수 있는지 확인하고 있습니다", "취소했습니다"], en: ["Checking whether it can be cancelled", "Cancelled"] },
  { fits: /exchange/, ko: ["교환할 수 있는지 확인하고 있습니다", "교환을 접수했습니다"], en: ["Checking whether it can be exchanged", "Arranged the exchange"] },
  { fits: /refund/, ko: ["환불을 확인하고 있습니다", "환불을 확인했습니다"], en: ["Checking the refund", "Checked the refund"] },
  { fits: /return/, ko: ["반품할 수 있는지 확인하고 있습니다", "반품을 접수했습니다"], en: ["Checking whether it can be returned", "Arranged the return"] },
  { fits: /(change|update|modify|set)_.*address/, ko: ["주소를 확인하고 있습니다", "주소를 바꿨습니다"], en: ["Checking the address", "Changed the address"] },
  { fits: /(change|update|modify|set)_.*payment/, ko: ["결제 수단을 확인하고 있습니다", "결제 수단을 바꿨습니다"], en: ["Checking the payment method", "Changed the payment method"] },
  { fits: /cart|basket/, ko: ["장바구니를 보고 있습니다", "장바구니를 확인했습니다"], en: ["Looking at your cart", "Looked at your cart"] },
  { fits: /(change|update|modify|set)_/, ko: ["변경할 수 있는지 확인하고 있습니다", "변경했습니다"], en: ["Checking whether it can be changed", "Made the change"] },
  { fits: /deliver|track|ship/, ko: ["배송을 조회하고 있습니다", "배송을 조회했습니다"], en: ["Looking up the delivery", "Looked up the delivery"] },
  { fits: /policy|faq/, ko: ["이용 규정을 찾고 있습니다", "이용 규정을 확인했습니다"], en: ["Looking up the policy", "Looked up the policy"] },
  { fits: /verif|identif|customer|account|user/, ko: ["고객 정보를 확인하고 있습니다", "고객 정보를 확인했습니다"], en: ["Checking your details", "Checked your details"] },
  { fits: /member|point|tier/, ko: ["멤버십을 확인하고 있습니다", "멤버십을 확인했습니다"], en: ["Checking your membership", "Checked your membership"] },
  { fits: /product|variant|stock|item/, ko: ["상품을 찾고 있습니다", "상품을 확인했습니다"], en: ["Looking up the product", "Looked up the product"] },
  { fits: /order/, ko: ["주문을 찾고 있습니다", "주문을 확인했습니다"], en: ["Looking up the order", "Looked up the order"] },
];

const ANY_TOOL: Record<Language, readonly [string, string]> = {
  ko: ["정보를 확인하고 있습니다", "정보를 확인했습니다"],
  en: ["Looking that up", "Looked that up"],
};

/** What any tool is when it is not done: a change that waits for a yes must not read as made. */
const NOT_DONE: Record<"proposed" | "failed", Record<Language, string>> = {
  proposed: { ko: "변경 내용을 준비했습니다. 확인을 기다립니다", en: "Prepared the change; it waits for your yes" },
  failed: { ko: "처리하지 못했습니다", en: "That could not be done" },
};

/** What a tool is doing or did, in plain words; its technical name is never shown. */
export function toolWords(tool: string, state: ToolState, language: Language): string {
  if (state === "proposed" || state === "failed") return NOT_DONE[state][language];
  const words = TOOLS.find((t) => t.fits.test(tool.toLowerCase()))?.[language] ?? ANY_TOOL[language];
  return words[state === "running" ? 0 : 1];
}
