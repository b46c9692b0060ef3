"""What calls cost while they run: each use priced, booked, and held against the budgets it comes out of.

Calls that share a purse each hold a lease on it: what their next answer may plausibly cost. A call begins, and goes on
after an answer, only while more is left than the others' leases, so that together they overrun the purse by one answer
at most, however many run at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from moksori.accounts.ledger import Entry, Ledger
from moksori.accounts.prices import Price, PriceTable, cost, dearest
from moksori.agent.principal import Principal

NO_PRICE = "none"
"""Instead of a table's version: nobody said what this model costs."""


class NotAffordable(Exception):
    """A call cannot begin: its model has no price, or its key or customer no money. A sentence for the client."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Charge:
    """One use, booked. `micro` is None where the model has no price; `left` where nothing limits the call."""

    micro: int | None
    left: int | None
    estimated: bool


@dataclass(slots=True)
class _Purse:
    """What a key or a customer may still spend; shared by all their calls in this process."""

    credit: int | None
    spent: int
    here: int = 0
    """Spent in this process and not in `spent`, which is what the database says."""
    leases: dict[int, int] = field(default_factory=dict)
    """What the next answer of each running call may cost, by the call's account."""

    @property
    def left(self) -> int | None:
        return self.credit - self.spent - self.here if self.credit is not None else None

    def left_beside(self, account: int) -> int | None:
        """What is left when every other call has spent its lease."""
        left = self.left
        if left is None:
            return None
        return left - sum(lease for other, lease in self.leases.items() if other != account)


class Books:
    """Prices, purses and the ledger of a process. Belongs to the event loop."""

    def __init__(
        self,
        prices: PriceTable,
        ledger: Ledger,
        *,
        charging: frozenset[str],
        call_micro: int | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        told: Callable[[str, str, int], None] = lambda model, currency, micro: None,
    ) -> None:
        self.prices = prices
        self.ledger = ledger
        self._charging = charging
        """Providers that are known to send an invoice: their models need a price."""
        self._call_micro = call_micro
        self._now = now
        self._told = told
        """Called with each cost: the model, the currency, and millionths of it."""
        self._purses: dict[str, _Purse] = {}
        self._open: dict[str, CallAccount] = {}

    def balances(self, read: dict[str, tuple[int, int]], unwritten: dict[str, int]) -> None:
        """Take over (credit, spent) by subject from the database; `unwritten` is spent here and not in it yet."""
        for subject, (credit, spent) in read.items():
            purse = self._purse(subject)
            purse.credit, purse.spent, purse.here = credit, spent, unwritten.get(subject, 0)

    def open(
        self,
        call_id: str,
        principal: Principal,
        *,
        provider: str,
        model: str,
        route: str,
        call_micro: int | None,
    ) -> CallAccount:
        """An account for a call to this model. Raises `NotAffordable`."""
        price = self.prices.find(provider, model)
        limits = [limit for limit in (call_micro, self._call_micro) if limit is not None]
        purses = [self._purse(f"key:{principal.key_id}")]
        customer = principal.caller.customer_id if principal.caller is not None else None
        if customer is not None:
            purses.append(self._purse(f"customer:{customer}"))
        limited = bool(limits) or any(purse.left is not None for purse in purses)
        if price is None and (limited or provider in self._charging):
            raise NotAffordable(
                f"The model '{model}' has no price here, so it cannot be used: add it to the table of accounts.prices.",
                "model_not_priced",
            )
        account = CallAccount(
            self,
            call_id,
            principal.key_id,
            customer,
            provider,
            route,
            model,
            price,
            purses,
            min(limits, default=None),
        )
        if (left := account.left) is not None and left <= 0:
            raise NotAffordable("The budget of this key is used up.", "insufficient_quota")
        if (free := account.free) is not None and free <= 0:
            raise NotAffordable(
                "What is left of this budget is held by the calls that are running: wait until one has ended.",
                "insufficient_quota",
            )
        self._open[call_id] = account
        account.expect(0, None)
        return account

    def account(self, call_id: str) -> CallAccount | None:
        """The account of a running call; None for one that costs nothing here."""
        return self._open.get(call_id)

    def close(self, account: CallAccount) -> None:
        """The call is over, or left this model: its leases are given back. Idempotent."""
        for purse in account.purses:
            purse.leases.pop(id(account), None)
        if self._open.get(account.call_id) is account:
            del self._open[account.call_id]

    def _purse(self, subject: str) -> _Purse:
        return self._purses.setdefault(subject, _Purse(None, 0))

    def book(
        self,
        account: CallAccount,
        kind: str,
        reference: str,
        units: dict[str, int],
        *,
        price: Price | None,
        estimated: bool = False,
    ) -> Charge:
        """Enter one use into the ledger and take it out of every purse."""
        micro = cost(price, units) if price is not None else None
        self.ledger.add(
            Entry(
                at=self._now(),
                call_id=account.call_id,
                kind=kind,
                reference=reference,
                key_id=account.key_id,
                customer_id=account.customer_id,
                route=account.route,
                model=account.model,
                units=units,
                micro=micro or 0,
                currency=self.prices.currency,
                prices=self.prices.version if price is not None else NO_PRICE,
                estimated=estimated,
            )
        )
        if micro is not None:
            self._told(account.model, self.prices.currency, micro)
        account.spent += micro or 0
        for purse in account.purses:
            purse.here += micro or 0
        return Charge(micro, account.left, estimated)


@dataclass(slots=True)
class CallAccount:
    """The money of one call."""

    books: Books
    call_id: str
    key_id: str
    customer_id: str | None
    provider: str
    route: str
    model: str
    price: Price | None
    purses: list[_Purse]
    limit: int | None
    spent: int = 0
    lease: int = 0
    """What the next answer may cost, in millionths."""
    _booked: set[tuple[str, str]] = field(default_factory=set)

    @property
    def currency(self) -> str:
        return self.books.prices.currency

    @property
    def left(self) -> int | None:
        """What the call may still cost, in millionths; None where nothing limits it."""
        own = self.limit - self.spent if self.limit is not None else None
        return min(
            (left for left in (own, *(purse.left for purse in self.purses)) if left is not None), default=None
        )

    @property
    def free(self) -> int | None:
        """What is left beside the leases of the calls it shares with; None where nothing limits the call."""
        own = self.limit - self.spent if self.limit is not None else None
        shared = (purse.left_beside(id(self)) for purse in self.purses)
        return min((left for left in (own, *shared) if left is not None), default=None)

    def expect(self, context: int, max_output: int | None) -> None:
        """Hold what the next answer may cost: the conversation so far has `context` tokens."""
        self.lease = dearest(self.price, context, max_output) if self.price is not None else 0
        for purse in self.purses:
            if purse.credit is not None:
                purse.leases[id(self)] = self.lease

    def charge(self, kind: str, reference: str, units: dict[str, int], *, estimated: bool = False) -> Charge:
        """Book one use, once: a service that tells the same twice is charged for it once."""
        if (kind, reference) in self._booked:
            return Charge(0 if self.price is not None else None, self.left, estimated)
        self._booked.add((kind, reference))
        return self.books.book(self, kind, reference, units, price=self.price, estimated=estimated)

    def transcribed(self, model: str, item_id: str, seconds: float) -> None:
        """Book what transcribed the caller, which is billed beside the model; free where the table has no price."""
        price = self.books.prices.find(self.provider, model)
        if price is not None and price.per_minute is not None and ("transcript", item_id) not in self._booked:
            self._booked.add(("transcript", item_id))
            self.books.book(self, "transcript", item_id, {"seconds": math.ceil(seconds)}, price=price)
