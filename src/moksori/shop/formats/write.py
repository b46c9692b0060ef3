"""Stores a whole shop in an empty database, in bulk, with books and stock that lead to what the records say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from moksori.shop import model as m
from moksori.shop.apply import address_values
from moksori.shop.audit import audit
from moksori.shop.formats import records as r
from moksori.shop.load import load_profile
from moksori.shop.model.after_sales import ExchangeStatus, RefundStatus, ReturnStatus
from moksori.shop.model.books import OPENING_ACCOUNT, method_account, order_account
from moksori.shop.model.customers import STORED_VALUE
from moksori.shop.rules.back_office import BROKEN
from moksori.shop.tools.visit import number_key, phone_key
from moksori.store import Database

ROWS_AT_ONCE = 2_000
SHOWN_FAULTS = 5


class ShopNotEmpty(Exception):
    """The database already holds a shop."""


class ShopInconsistent(Exception):
    """What was to be stored does not add up; the message gives the first sentences of the audit."""


async def write_shop(database: Database, shop: r.ShopRecord, now: datetime) -> None:
    """Store everything in one transaction and audit it, or nothing: `ShopNotEmpty`, `ShopInconsistent`."""

    async def work(session: AsyncSession) -> None:
        if await load_profile(session) is not None:
            raise ShopNotEmpty("The database already holds a shop. Choose another one.")
        await _Writer(session, shop, now).write()
        faults = await audit(session)
        if faults:
            more = f" And {len(faults) - SHOWN_FAULTS} more." if len(faults) > SHOWN_FAULTS else ""
            raise ShopInconsistent(" ".join(faults[:SHOWN_FAULTS]) + more)

    await database.writing(work)


def carried(final: int, moves: Sequence[int]) -> tuple[int, int]:
    """What must be there before `moves` so that it ends at `final` and never falls below 0, and what leaves afterwards.

    A file tells today's balance and some of its history; where that history alone would have gone below 0, something
    outside the file came in before and went out after.
    """
    opening = final - sum(moves)
    lowest = running = opening
    for move in moves:
        running += move
        lowest = min(lowest, running)
    missing = max(0, -lowest)
    return opening + missing, missing


class _Writer:
    def __init__(self, session: AsyncSession, shop: r.ShopRecord, now: datetime) -> None:
        self.session = session
        self.shop = shop
        self.now = now
        self.rows: dict[type[m.ShopBase], list[dict[str, Any]]] = defaultdict(list)
        self.serials: dict[type[m.ShopBase], Iterable[int]] = defaultdict(lambda: count(1))
        self.stock_moves: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.money_moves: dict[str, list[int]] = defaultdict(list)
        self.transfers: list[dict[str, Any]] = []
        self.began = min((order.placed_at for order in shop.orders), default=now)

    def add(self, table: type[m.ShopBase], **values: Any) -> None:
        self.rows[table].append(values)

    def serial(self, table: type[m.ShopBase]) -> int:
        return next(iter(self.serials[table]))

    async def write(self) -> None:
        shop = self.shop
        self.add(
            m.Profile,
            id=1,
            kind=shop.kind,
            name_ko=shop.name_ko,
            name_en=shop.name_en,
            currency=shop.currency,
            zone=shop.zone,
            created_at=self.now,
        )
        self.add(m.Account, id=OPENING_ACCOUNT, kind=m.AccountKind.OPENING, balance=0)
        for position, customer in enumerate(shop.customers, 1):
            self._customer(position, customer)
        for position, product in enumerate(shop.products, 1):
            self._product(position, product)
        self.product_of = {each.id: product.id for product in shop.products for each in product.variants}
        self.options_of = {each.id: each.options for product in shop.products for each in product.variants}
        for position, order in enumerate(shop.orders, 1):
            self._order(position, order)
        self._opening_balances()
        self._opening_stock()
        await self._store()

    def _customer(self, position: int, customer: r.CustomerRecord) -> None:
        self.add(
            m.Customer,
            id=customer.id,
            position=position,
            family_name=customer.family_name,
            given_name=customer.given_name,
            email=customer.email,
            email_key=customer.email.casefold(),
            phone=customer.phone,
            phone_key=phone_key(customer.phone),
            language=customer.language,
            tier=customer.tier,
            joined_at=customer.joined_at,
            version=1,
        )
        if customer.address is not None:
            self.add(
                m.Address,
                id=self.serial(m.Address),
                customer_id=customer.id,
                is_default=True,
                **address_values(customer.address),
            )
        for place, method in enumerate(customer.methods, 1):
            account = method_account(method.id)
            kind = m.AccountKind.STORED if method.kind in STORED_VALUE else m.AccountKind.OUTSIDE
            self.add(m.Account, id=account, kind=kind, balance=0)
            self.add(
                m.PaymentMethod,
                id=method.id,
                customer_id=customer.id,
                position=place,
                kind=method.kind,
                brand=method.brand,
                last_four=method.last_four,
                account_id=account,
            )
        for variant_id, quantity in customer.cart:
            self.add(
                m.CartLine,
                customer_id=customer.id,
                variant_id=variant_id,
                quantity=quantity,
                added_at=self.now,
            )

    def _product(self, position: int, product: r.ProductRecord) -> None:
        self.add(
            m.Product,
            id=product.id,
            position=position,
            name_ko=product.name_ko,
            name_en=product.name_en,
            category=product.category,
            description_ko=product.description_ko,
            description_en=product.description_en,
            returnable=product.returnable,
        )
        for place, variant in enumerate(product.variants, 1):
            self.add(
                m.Variant,
                id=variant.id,
                product_id=product.id,
                position=place,
                options=variant.options,
                price=variant.price,
                on_sale=variant.on_sale,
                stock=0,
            )

    def _order(self, position: int, order: r.OrderRecord) -> None:
        account = order_account(order.id)
        self.add(m.Account, id=account, kind=m.AccountKind.ORDER, balance=0)
        self.add(
            m.Order,
            id=order.id,
            position=position,
            number_key=number_key(order.id),
            customer_id=order.customer_id,
            placed_at=order.placed_at,
            status=order.status,
            discount_percent=order.discount_percent,
            shipping_fee=order.shipping_fee,
            items_changed=order.items_changed,
            note=order.note,
            cancel_reason=order.cancel_reason,
            cancelled_at=order.cancelled_at,
            delivered_at=order.delivered_at,
            account_id=account,
            version=1,
            **address_values(order.address),
        )
        line_ids: dict[int, int] = {}
        for place, line in enumerate(order.lines, 1):
            line_ids[place] = self.serial(m.OrderLine)
            self.add(
                m.OrderLine,
                id=line_ids[place],
                order_id=order.id,
                position=place,
                product_id=self.product_of[line.variant_id],
                variant_id=line.variant_id,
                options=self.options_of[line.variant_id],
                unit_price=line.unit_price,
                quantity=line.quantity,
            )
            self._move_stock(order, line.variant_id, -line.quantity, "order", order.placed_at)
            if order.cancelled_at is not None:
                self._move_stock(order, line.variant_id, line.quantity, "cancel", order.cancelled_at)
        self._payments(order)
        self._shipments(order, line_ids)
        self._returns(order, line_ids)
        if order.exchange is not None:
            self._exchange(order, order.exchange, line_ids)

    def _payments(self, order: r.OrderRecord) -> None:
        for place, payment in enumerate(order.payments, 1):
            paid = payment.kind is m.PaymentKind.PAYMENT
            ends = (method_account(payment.method_id), order_account(order.id))
            transfer_id = None
            if payment.amount:
                transfer_id = self._transfer(
                    payment.at, *(ends if paid else (ends[1], ends[0])), payment.amount, payment.cause
                )
                self.money_moves[payment.method_id].append(-payment.amount if paid else payment.amount)
            self.add(
                m.Payment,
                id=self.serial(m.Payment),
                order_id=order.id,
                position=place,
                kind=payment.kind,
                amount=payment.amount,
                method_id=payment.method_id,
                at=payment.at,
                transfer_id=transfer_id,
            )
            # A return's refund is written with the return.
            if not paid and payment.amount and payment.cause != "return":
                waiting = payment.expected_at is not None and payment.expected_at > self.now
                self._refund(
                    order,
                    payment.cause,
                    None,
                    payment.method_id,
                    payment.amount,
                    RefundStatus.PROCESSING if waiting else RefundStatus.DONE,
                    payment.at,
                    payment.expected_at,
                )

    def _shipments(self, order: r.OrderRecord, line_ids: dict[int, int]) -> None:
        for place, shipment in enumerate(order.shipments, 1):
            shipment_id = self.serial(m.Shipment)
            self.add(
                m.Shipment,
                id=shipment_id,
                order_id=order.id,
                position=place,
                courier=shipment.courier,
                tracking_numbers=shipment.tracking_numbers,
                expected_at=shipment.expected_at,
            )
            for spot, line in enumerate(shipment.lines, 1):
                self.add(m.ShipmentLine, shipment_id=shipment_id, position=spot, line_id=line_ids[line])
            for event in shipment.events:
                self.add(
                    m.ShipmentEvent,
                    id=self.serial(m.ShipmentEvent),
                    shipment_id=shipment_id,
                    at=event.at,
                    code=event.code,
                    place=event.place,
                )

    def _returns(self, order: r.OrderRecord, line_ids: dict[int, int]) -> None:
        for back in order.returns:
            return_id = self.serial(m.Return)
            self.add(
                m.Return,
                id=return_id,
                order_id=order.id,
                status=back.status,
                reason=back.reason,
                method_id=back.method_id,
                amount=back.amount,
                fee=back.fee,
                requested_at=back.requested_at,
                refunded_at=back.refunded_at,
            )
            for line, quantity in back.lines:
                self.add(m.ReturnLine, return_id=return_id, line_id=line_ids[line], quantity=quantity)
                if back.refunded_at is not None and back.reason not in BROKEN:
                    variant = order.lines[line - 1].variant_id
                    self._move_stock(order, variant, quantity, "return", back.refunded_at)
            if not back.amount:
                continue
            if back.status is ReturnStatus.REQUESTED:
                status = RefundStatus.WAITING
            elif back.expected_at is not None and back.expected_at > self.now:
                status = RefundStatus.PROCESSING
            else:
                status = RefundStatus.DONE
            self._refund(
                order,
                "return",
                return_id,
                back.method_id,
                back.amount,
                status,
                back.requested_at,
                back.expected_at,
            )

    def _exchange(self, order: r.OrderRecord, swap: r.ExchangeRecord, line_ids: dict[int, int]) -> None:
        exchange_id = self.serial(m.Exchange)
        self.add(
            m.Exchange,
            id=exchange_id,
            order_id=order.id,
            status=swap.status,
            reason=swap.reason,
            method_id=swap.method_id,
            difference=swap.difference,
            settled=swap.settled,
            requested_at=swap.requested_at,
            completed_at=swap.completed_at,
        )
        back = swap.status is ExchangeStatus.COMPLETED and swap.reason not in BROKEN
        for line, variant_id, unit_price, quantity in swap.lines:
            self.add(
                m.ExchangeLine,
                id=self.serial(m.ExchangeLine),
                exchange_id=exchange_id,
                line_id=line_ids[line],
                new_variant_id=variant_id,
                new_unit_price=unit_price,
                quantity=quantity,
            )
            self._move_stock(order, variant_id, -quantity, "exchange", swap.requested_at)
            if back and swap.completed_at is not None:
                old = order.lines[line - 1].variant_id
                self._move_stock(order, old, quantity, "exchange", swap.completed_at)

    def _refund(  # noqa: PLR0917 - a refund has as many parts
        self,
        order: r.OrderRecord,
        cause: str,
        return_id: int | None,
        method_id: str,
        amount: int,
        status: RefundStatus,
        requested_at: datetime,
        expected_at: datetime | None,
    ) -> None:
        self.add(
            m.Refund,
            id=self.serial(m.Refund),
            order_id=order.id,
            cause=cause,
            return_id=return_id,
            method_id=method_id,
            amount=amount,
            status=status,
            requested_at=requested_at,
            expected_at=expected_at,
            done_at=(expected_at or requested_at) if status is RefundStatus.DONE else None,
        )

    def _transfer(self, at: datetime, source: str, target: str, amount: int, cause: str) -> int:
        number = self.serial(m.Transfer)
        self.transfers.append(
            {"id": number, "at": at, "source": source, "target": target, "amount": amount, "cause": cause}
        )
        return number

    def _move_stock(
        self, order: r.OrderRecord, variant_id: str, quantity: int, cause: str, at: datetime
    ) -> None:
        self.stock_moves[variant_id].append(
            {"at": at, "variant_id": variant_id, "quantity": quantity, "cause": cause, "order_id": order.id}
        )

    def _opening_balances(self) -> None:
        before: list[dict[str, Any]] = []
        history, self.transfers = self.transfers, []
        after: list[tuple[str, int]] = []
        for customer in self.shop.customers:
            for method in customer.methods:
                if method.kind not in STORED_VALUE:
                    continue
                opening, closing = carried(method.balance, self.money_moves[method.id])
                account = method_account(method.id)
                if opening:
                    self._transfer(self.began, OPENING_ACCOUNT, account, opening, "opening")
                if closing:
                    after.append((account, closing))
        before, self.transfers = self.transfers, []
        for account, amount in after:
            self._transfer(self.now, account, OPENING_ACCOUNT, amount, "outside_the_file")
        self.rows[m.Transfer] = before + history + self.transfers

    def _opening_stock(self) -> None:
        for product in self.shop.products:
            for variant in product.variants:
                moves = sorted(self.stock_moves[variant.id], key=lambda move: move["at"])
                opening, closing = carried(variant.stock, [move["quantity"] for move in moves])
                edge = {"variant_id": variant.id, "order_id": None}
                if opening:
                    moves.insert(0, {"at": self.began, "quantity": opening, "cause": "opening", **edge})
                if closing:
                    moves.append({"at": self.now, "quantity": -closing, "cause": "stocktaking", **edge})
                for move in moves:
                    self.add(m.StockMovement, id=self.serial(m.StockMovement), **move)

    async def _store(self) -> None:
        for table in m.ShopBase.metadata.sorted_tables:
            mapped = next(
                (kind for kind in self.rows if kind.__table__ is table),
                None,
            )
            if mapped is None:
                continue
            rows = self.rows[mapped]
            for start in range(0, len(rows), ROWS_AT_ONCE):
                await self.session.execute(insert(table), rows[start : start + ROWS_AT_ONCE])
        if self.session.get_bind().dialect.name == "postgresql":
            await self._continue_serials()

    async def _continue_serials(self) -> None:
        """Rows were given numbers; PostgreSQL's sequences must go on after them."""
        for mapped, rows in self.rows.items():
            if mapped in self.serials and rows:
                table = mapped.__tablename__
                await self.session.execute(
                    text(
                        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
                    )
                )
