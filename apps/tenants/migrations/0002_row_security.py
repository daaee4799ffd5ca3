from django.db import migrations

from apps.tenants.row_security import Protect


class Migration(migrations.Migration):
    """Every tenant table of the first version. A later one is protected where it is made."""

    dependencies = [
        ('tenants', '0001_initial'),
        ('services', '0001_initial'),
        ('scheduling', '0001_initial'),
        ('calls', '0001_initial'),
    ]

    operations = [
        Protect('tenants.Company', column='id'),
        Protect(
            'tenants.Branch',
            'services.Service',
            'services.BranchService',
            'scheduling.CalendarAccount',
            'scheduling.Customer',
            'scheduling.Appointment',
            'scheduling.BookingAttempt',
            'scheduling.Hold',
            'calls.Call',
            'calls.CallTransition',
            'calls.CallEvent',
            'calls.FunctionCall',
            'calls.Offer',
            'calls.CallbackRequest',
        ),
    ]
